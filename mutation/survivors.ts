/** Mutants that no test can tell, or need not: each with the reason. */
import type { Mutant } from './instrument.ts'

interface Reason {
  /** Below `src/`. */
  readonly file: string
  /** The line, or a part of it. */
  readonly line: string
  /** What is changed in it, when not everything in it is meant. */
  readonly from?: string
  readonly to?: string
  readonly why: string
}

const reasons: readonly Reason[] = []

/** Why a mutant survives; `undefined` when nobody has said so yet. */
export function reasonFor({
  file,
  source,
  from,
  to,
}: Pick<Mutant, 'file' | 'source' | 'from' | 'to'>): string | undefined {
  return reasons.find(
    reason =>
      reason.file === file &&
      source.includes(reason.line) &&
      (reason.from === undefined || reason.from === from) &&
      (reason.to === undefined || reason.to === to),
  )?.why
}
