/** What is kept of the sealed values of an entry, held against the commitments in its leaf. */
import type { Leaf } from '../core/entry.ts'
import { canonicalize, parseJson } from '../core/json.ts'
import { commitment, parseContent, parsePreimage, preimageName } from '../core/sealed.ts'
import type { Findings } from './findings.ts'

/** @param deep also looks whether each value is in its one canonical spelling, as its commitment says it was */
export function checkDisclosures(
  findings: Findings,
  leaf: Leaf,
  content: Uint8Array,
  seq: number,
  deep: boolean,
): void {
  const facts = { seq, id: leaf.id }
  let preimages: Uint8Array[]
  try {
    preimages = parseContent(content)
  } catch {
    findings.find('disclosure_mismatch', `the sealed values of entry ${seq} cannot be read`, facts)
    return
  }
  const sealed = leaf.sealed ?? {}
  const open = new Set<string>()
  for (const preimage of preimages) {
    const name = preimageName(preimage)
    const committed = name === undefined || open.has(name) ? undefined : sealed[name]
    if (committed === undefined || commitment(preimage) !== committed) {
      findings.find('disclosure_mismatch', `a sealed value of entry ${seq} is not the one that was committed to`, {
        ...facts,
        ...(name === undefined ? {} : { actual: name }),
      })
    } else if (deep && !isCanonical(preimage)) {
      findings.find('format_invalid', `${name} of entry ${seq} is not in canonical spelling`, facts)
    }
    if (name !== undefined) open.add(name)
  }
  for (const name in sealed) {
    if (open.has(name)) continue
    findings.find('disclosure_missing', `${name} of entry ${seq} is gone, and no entry declares it`, {
      ...facts,
      expected: name,
    })
  }
}

function isCanonical(preimage: Uint8Array): boolean {
  try {
    const { json } = parsePreimage(preimage)
    return canonicalize(parseJson(json)) === json
  } catch {
    return false
  }
}
