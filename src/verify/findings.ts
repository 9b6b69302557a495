/** The findings of one check, as they come. */
import { type Finding, type FindingType, finding } from '../core/finding.ts'

/** Findings that a report lists; a log that was rewritten as a whole would fill the memory with them. */
const maxListed = 10_000

export type FindingFacts = Omit<Finding, 'type' | 'severity' | 'message'>

export class Findings {
  readonly #listed: Finding[] = []
  #omitted = 0
  #first: number | undefined
  #doubtFrom: number | undefined

  add(found: Finding): void {
    if (found.seq !== undefined) this.#first = Math.min(this.#first ?? found.seq, found.seq)
    if (this.#listed.length < maxListed) this.#listed.push(found)
    else this.#omitted++
  }

  find(type: FindingType, message: string, facts?: FindingFacts): void {
    this.add(finding(type, message, facts))
  }

  /** Something above the entries is wrong, somewhere from this entry on. */
  doubtFrom(seq: number): void {
    this.#doubtFrom = Math.min(this.#doubtFrom ?? seq, seq)
  }

  has(type: FindingType): boolean {
    return this.#listed.some(found => found.type === type)
  }

  /** In the order of the log; what is of the log as a whole comes last. */
  report(): { valid: boolean; findings: Finding[]; findingsOmitted: number; firstUntrusted?: number } {
    const first = this.#first ?? this.#doubtFrom
    return {
      valid: this.#listed.length === 0,
      findings: this.#listed.toSorted(
        (a, b) => (a.seq ?? Number.MAX_SAFE_INTEGER) - (b.seq ?? Number.MAX_SAFE_INTEGER),
      ),
      findingsOmitted: this.#omitted,
      ...(first === undefined ? {} : { firstUntrusted: first }),
    }
  }
}
