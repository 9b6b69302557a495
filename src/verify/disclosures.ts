/** What is kept of the sealed values of an entry, held against the commitments in its leaf. */
import type { Leaf } from '../core/entry.ts'
import { canonicalize, parseJson } from '../core/json.ts'
import { glanceOf } from '../core/leaf.ts'
import { commitment, parseContent, parsePreimage, preimageName, saltLength } from '../core/sealed.ts'
import type { Findings } from './findings.ts'

/** Where the name begins in a framed preimage: behind its length, the domain byte and the salt. */
const beforeName = 4 + 1 + saltLength

/**
 * Whether a content opens every commitment and nothing else, in the order of the leaf, as nearly every content does.
 * Where this says no, {@link checkDisclosures} knows whether that is wrong, and what.
 *
 * @param sealed as it is written in a leaf that was judged: `{"name":"commitment",…}`
 */
export function areOpened(sealed: string | undefined, content: Uint8Array): boolean {
  if (sealed === undefined) return content.length === 0
  let at = 0
  // Each member begins with its first quote, and ends before a comma or the last brace.
  for (let member = 1; member < sealed.length - 1; ) {
    const end = at + 4 + lengthAt(content, at)
    // Behind the last byte there is no zero to end a name.
    if (end > content.length || content[at + 4] !== 2) return false
    let from = at + beforeName
    let to = member + 1
    for (let code = content[from]!; code !== 0; code = content[++from]!) {
      if (from >= end || code > 0x7f || code === quote || sealed.charCodeAt(to++) !== code) return false
    }
    // `":"` behind the name, `"` behind the commitment.
    if (from >= end || sealed.charCodeAt(to) !== quote) return false
    if (sealed.slice(to + 3, to + 46) !== commitment(content.subarray(at + 4, end))) return false
    member = to + 48
    at = end
  }
  return at === content.length
}

const quote = 0x22

function lengthAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
}

/** Whether each value of a content is in its one canonical spelling. */
export function areSpelled(content: Uint8Array): boolean {
  return parseContent(content).every(isCanonical)
}

/** @param deep also looks whether each value is in its one canonical spelling, as its commitment says it was */
export function checkDisclosures(
  findings: Findings,
  leaf: Leaf,
  content: Uint8Array,
  seq: number,
  deep: boolean,
): void {
  if (!deep && areOpened(glanceOf(leaf).sealed, content)) return
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
