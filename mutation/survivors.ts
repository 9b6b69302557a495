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

const reasons: readonly Reason[] = [
  {
    file: 'verify/log-verifier.ts',
    line: 'if (root === undefined || (await this.#growsTo(size, root))) {',
    to: 'false',
    why: 'A checkpoint that cannot be opened is a finding whatever root it is held against.',
  },
  {
    file: 'core/tree.ts',
    line: 'const maxHeight = 53',
    why: 'It tells for trees of more than 2^52 leaves: 142 000 years at a thousand entries a second.',
  },
  {
    file: 'core/filter.ts',
    line: "rest.push('text')",
    why: 'What an index cannot answer is only asked for being there: its order means nothing.',
  },
  {
    file: 'core/leaf.ts',
    line: '(?:"governanceStatus":',
    why: 'A leaf that is not found to be spelled as usual is read in the long way, with the same result, in twice the time.',
  },
  {
    file: 'verify/signature-check.ts',
    line: "this.#origin = verifiers[0]?.name ?? ''",
    why: 'Where no key is known, the origin is that of entry 0, which sets it before it is used.',
  },
  {
    file: 'verify/signature-check.ts',
    line: 'this.#isKnownInChain ||= this.#areKnown && this.#isKnown(voucher.verifiers)',
    why: 'It is only asked for where keys are known.',
  },
  {
    file: 'verify/entry-check.ts',
    line: 'from, Math.min(from + tileWidth + 1, size)',
    why: 'Without the entry behind the tile one hash of it is not known by a link: then the check says less, never more.',
  },
  {
    file: 'verify/entry-check.ts',
    line: 'if (leaf?.seq === seq && 0 <= at && at < hashes.length) writeHashHex',
    why: 'The first hash of the tile is taken as it is kept then, and held against the root all the same.',
  },
  {
    file: 'verify/entry-check.ts',
    line: "if (epoch < keys.first.epoch || epoch > lastEpoch) return 'unchecked'",
    to: 'false',
    why: 'A century of epochs lies before it: the answer is the same, and takes minutes.',
  },
  {
    file: 'verify/hash-chain-verifier.ts',
    line: 'findings.push(found)',
    why: 'The order of findings that the seed has no name for is not promised.',
  },
  {
    file: 'verify/hash-chain-verifier.ts',
    line: "seq === 0 && fault === 'broken_chain_link'",
    from: "fault === 'broken_chain_link'",
    why: 'What is wrong with entry 0 is told as another fault then, of the same entry; the verdict is the same.',
  },
  {
    file: 'verify/seal-check.ts',
    line: 'Number.isSafeInteger(seal.epoch) && seal.epoch >= before',
    from: 'Number.isSafeInteger(seal.epoch)',
    why: 'A number with a fraction is told by its MAC where the key is known; where it is not, a seal only shows an order.',
  },
]

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
