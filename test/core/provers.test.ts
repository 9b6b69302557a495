/**
 * Provers that lie well: not a bit flipped, but proofs that are right for something else. Whether a forgery is a proof
 * is decided by RFC 6962 read backwards (`support/reference-tree.ts`), for numbers without bound; our verifiers, in Node
 * and with the primitives of a browser, must say the same, and must say it without an exception.
 */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { concat, equal, toHex } from '../../src/core/bytes.ts'
import { emptyRoot } from '../../src/core/hash.ts'
import * as ours from '../../src/core/proof.ts'
import { cpuMs } from '../support/cpu.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Random, seedOf } from '../support/random.ts'
import { ReferenceTree, rootOfPath, rootsOfSubproof } from '../support/reference-tree.ts'

const seed = seedOf('provers')
const random = new Random(seed)
const provers = new Set<string>()
const counts = { forgeries: 0, refused: 0, proofs: 0 }
afterAll(() => recordEvidence('lying-provers', { seed, provers: provers.size, ...counts }))

/** The same verifier over the primitives of a browser. */
let browser: typeof ours
beforeAll(async () => {
  vi.resetModules()
  vi.doMock('../../src/core/primitives.ts', () => import('../../src/core/primitives.browser.ts'))
  browser = await import('../../src/core/proof.ts')
  vi.doUnmock('../../src/core/primitives.ts')
  expect(browser.checkInclusion).not.toBe(ours.checkInclusion)
})

const sha256 = (...parts: Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest())
const zero = new Uint8Array(32)

interface Inclusion {
  readonly path: readonly Uint8Array[]
  readonly index: number
  readonly size: number
  readonly leaf: Uint8Array
  readonly root: Uint8Array
}

interface Consistency {
  readonly proof: readonly Uint8Array[]
  readonly from: number
  readonly to: number
  readonly old: Uint8Array
  readonly root: Uint8Array
}

/** Sizes and indexes as a JSON or a query may bring them: what is no whole number is no place in a tree. */
const isWhole = (n: number) => Number.isInteger(n) && n >= 0

function isInclusion({ path, index, size, leaf, root }: Inclusion): boolean {
  if (!isWhole(index) || !isWhole(size) || path.length > 64) return false
  const computed = rootOfPath(path, BigInt(index), BigInt(size), leaf)
  return computed !== undefined && equal(computed, root)
}

function isConsistency({ proof, from, to, old, root }: Consistency): boolean {
  if (!isWhole(from) || !isWhole(to) || from > to || proof.length > 65) return false
  // Of the empty tree RFC 9162 says nothing; C2SP tlog-witness: it is a prefix of every tree, by an empty proof.
  if (from === 0) return proof.length === 0 && equal(old, emptyRoot) && (to > 0 || equal(root, emptyRoot))
  // Where nothing was added, nothing is hashed: the probes of transparency-dev/merkle take any root that is itself.
  if (from === to) return proof.length === 0 && equal(old, root)
  const roots = rootsOfSubproof(proof, BigInt(from), BigInt(to), old)
  return roots !== undefined && equal(roots[0], old) && equal(roots[1], root)
}

/** What each verifier says, against the reference. Numbers that no log can have are refused, whatever a proof says. */
function judge(prover: string, claim: Inclusion | Consistency): void {
  const isClaim =
    'path' in claim
      ? isInclusion(claim) && Number.isSafeInteger(claim.size)
      : isConsistency(claim) && Number.isSafeInteger(claim.to)
  for (const core of [ours, browser]) {
    const answer =
      'path' in claim
        ? core.checkInclusion(claim.path, claim.index, claim.size, claim.leaf, claim.root)
        : core.checkConsistency(claim.proof, claim.from, claim.to, claim.old, claim.root)
    if (answer !== isClaim) expect.fail(`${prover}: ${answer ? 'taken' : 'refused'}, seed ${seed}: ${told(claim)}`)
  }
  provers.add(prover)
  if (isClaim) counts.proofs++
  else {
    counts.forgeries++
    counts.refused++
  }
}

const told = (claim: object) =>
  JSON.stringify(claim, (_, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value))

/** Two logs that are one up to `fork`, and two histories after it. */
const fork = 300
const last = 700
const log = ReferenceTree.numbered(last)
const other = new ReferenceTree()
for (let i = 0; i < last; i++) other.append(Buffer.from(i < fork ? `${i}` : `other ${i}`))

const sizes = [1, 2, 3, 4, 5, 7, 8, 9, 13, 31, 32, 33, 255, 256, 257, 299, 300, 301, 511, 512, 513, 640, last]

const strange = [
  -1,
  -0.5,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** 53,
  2 ** 53 + 2,
  2 ** 63,
  2 ** 64,
]

/** Ways to spoil a list of hashes, each with its name. */
function* spoiled(hashes: readonly Uint8Array[], others: readonly Uint8Array[], known: readonly Uint8Array[]) {
  yield ['an empty path', []] as const
  yield ['a path of zeros', hashes.map(() => zero)] as const
  yield ['64 more zeros', [...hashes, ...Array<Uint8Array>(64).fill(zero)]] as const
  yield ['the path upside down', hashes.toReversed()] as const
  yield ['the path of the other history', others] as const
  for (const hash of known) {
    yield ['a longer path', [...hashes, hash]] as const
    yield ['a path that begins earlier', [hash, ...hashes]] as const
  }
  for (let i = 0; i < hashes.length; i++) {
    const put = (...hash: Uint8Array[]) => hashes.toSpliced(i, 1, ...hash)
    yield ['a skipped link', put()] as const
    yield ['a link twice', put(hashes[i]!, hashes[i]!)] as const
    yield ['a link of zeros', put(zero)] as const
    yield ['a link of zeros more', put(zero, hashes[i]!)] as const
    yield ['a link hashed with itself', put(sha256(Uint8Array.of(1), hashes[i]!, hashes[i]!))] as const
    yield ['a neighbour instead', put(hashes[(i + 1) % hashes.length]!)] as const
    yield ['a link too short', put(hashes[i]!.subarray(0, 31))] as const
    yield ['a link too long', put(concat(hashes[i]!, Uint8Array.of(0)))] as const
    yield ['two links in one', put(concat(hashes[i]!, hashes[(i + 1) % hashes.length]!))] as const
    yield ['a link of nothing', put(new Uint8Array(0))] as const
    yield ['two links exchanged', put(hashes[i + 1] ?? zero, hashes[i]!).toSpliced(i + 2, 1)] as const
    yield ['a splice of two histories', [...hashes.slice(0, i), ...others.slice(i)]] as const
    yield ['the other splice', [...others.slice(0, i), ...hashes.slice(i)]] as const
  }
}

describe('an inclusion proof', () => {
  const indexes = (size: number) =>
    new Set([0, 1, 254, 255, 256, 299, 300, size - 2, size - 1, ...random.some(3, size)])

  it('is taken when RFC 6962 says that it is one, and only then', () => {
    for (const size of sizes) {
      for (const index of indexes(size)) {
        if (index < 0 || index >= size) continue
        const truth: Inclusion = {
          path: log.path(index, 0, size),
          index,
          size,
          leaf: log.hash(index, index + 1),
          root: log.hash(0, size),
        }
        judge('the truth', truth)
        const theirs = other.path(index, 0, size)
        for (const [prover, path] of spoiled(truth.path, theirs, [truth.leaf, truth.root, emptyRoot])) {
          judge(prover, { ...truth, path })
          judge(`${prover}, under the other root`, { ...truth, path, root: other.hash(0, size) })
        }
        judge('the leaf of the other history', { ...truth, leaf: other.hash(index, index + 1) })
        for (const near of [
          index - 1,
          index + 1,
          index ^ 1,
          index ^ 2,
          index ^ 256,
          size - 1 - index,
          2 ** 32 + index,
          size,
        ]) {
          judge('the path of another index', { ...truth, index: near })
        }
        for (const near of [size - 1, size + 1, size + 2, 2 * size, size ^ 1, 2 ** 32 + size, index, index + 1]) {
          judge('another size', { ...truth, size: near })
        }
        for (const number of strange) {
          judge('an index that is none', { ...truth, index: number })
          judge('a size that is none', { ...truth, size: number })
        }
        for (const root of [emptyRoot, zero, truth.leaf, new Uint8Array(0), concat(truth.root, truth.root)]) {
          judge('another root', { ...truth, root })
          judge('nothing but the root', { ...truth, root, leaf: root, path: [] })
        }
        judge('a tree of nothing', { path: [], index: 0, size: 0, leaf: truth.leaf, root: truth.leaf })
        judge('a tree of nothing, with its root', { path: [], index: 0, size: 0, leaf: emptyRoot, root: emptyRoot })
        climb(truth)
      }
    }
  })

  /** Nodes above a leaf, claimed to be leaves of a smaller tree; and leaves below a node that is a leaf. */
  function climb(truth: Inclusion): void {
    let { index, size, leaf } = truth
    for (const [i, step] of truth.path.entries()) {
      const node = rootOfPath([step], BigInt(index % 2), 2n, leaf)!
      const turned = rootOfPath([step], BigInt((index + 1) % 2), 2n, leaf)!
      const rest = truth.path.slice(i + 1)
      for (const as of [leaf, node, turned]) {
        judge('a node as a leaf', { ...truth, leaf: as, path: rest })
        judge('a node as a leaf, at its place in its row', {
          ...truth,
          leaf: as,
          path: rest,
          index: index >> 1,
          size: (size + 1) >> 1,
        })
        judge('a node as a leaf, below itself', { ...truth, leaf: as, path: [step, ...rest] })
        judge('a node hashed as a leaf', {
          ...truth,
          leaf: sha256(Uint8Array.of(0), as),
          path: rest,
          index: index >> 1,
        })
      }
      index >>= 1
      size = (size + 1) >> 1
      leaf = node
    }
  }

  it('of a tree that can only be claimed: sizes around 256^n and 2^53, and paths as long as anybody likes', () => {
    const claims = [1, 2, 3, 4, 5, 6].flatMap(n => [256 ** n - 1, 256 ** n, 256 ** n + 1])
    for (const size of [...claims, 2 ** 53 - 1, 2 ** 53, 2 ** 60, 2 ** 63, 2 ** 64]) {
      for (const index of [0, 1, 255, 256, size - 1, size - 2, Math.floor(size / 2), size]) {
        for (const length of [0, 1, 7, 8, 9, 31, 32, 33, 40, 47, 48, 49, 52, 53, 54, 63, 64, 65]) {
          const path = Array.from({ length }, (_, i) => sha256(Uint8Array.of(i)))
          const root = rootOfPath(path, BigInt(index), BigInt(size), zero) ?? zero
          judge('a path made up to fit', { path, index, size, leaf: zero, root })
        }
      }
    }
    const endless = Array<Uint8Array>(1_000_000).fill(zero)
    const started = cpuMs()
    judge('a million links', { path: endless, index: 0, size: 2 ** 53 - 1, leaf: zero, root: zero })
    judge('a million links', { proof: endless, from: 1, to: 2 ** 53 - 1, old: zero, root: zero })
    expect(cpuMs() - started).toBeLessThan(1000)
  })
})

describe('a consistency proof', () => {
  it('is taken when RFC 6962 says that it is one, and only then', () => {
    for (const to of sizes) {
      const olds = new Set([0, 1, 2, to >> 1, 255, 256, 257, 300, 301, to - 1, to, ...random.some(3, to)])
      for (const from of olds) {
        if (from < 0 || from > to) continue
        const truth: Consistency = {
          proof: from === 0 ? [] : log.subproof(from, 0, to, true),
          from,
          to,
          old: log.hash(0, from),
          root: log.hash(0, to),
        }
        judge('the truth', truth)
        const theirs = from === 0 ? [] : other.subproof(from, 0, to, true)
        judge('the truth about the other history', {
          ...truth,
          proof: theirs,
          old: other.hash(0, from),
          root: other.hash(0, to),
        })
        judge('a new root of the other history', { ...truth, root: other.hash(0, to) })
        judge('an old root of the other history', { ...truth, old: other.hash(0, from) })
        for (const [prover, proof] of spoiled(truth.proof, theirs, [truth.old, truth.root, emptyRoot])) {
          judge(prover, { ...truth, proof })
          judge(`${prover}, to the other root`, { ...truth, proof, root: other.hash(0, to) })
          judge(`${prover}, from the other root`, { ...truth, proof, old: other.hash(0, from) })
        }
        for (const near of [from - 1, from + 1, 2 * from, from ^ 1, 2 ** 32 + from, 0, to, ...strange]) {
          judge('another old size', { ...truth, from: near })
        }
        for (const near of [to - 1, to + 1, 2 * to, to ^ 1, 2 ** 32 + to, 0, from, ...strange]) {
          judge('another new size', { ...truth, to: near })
          judge('a size that is its own prefix', { ...truth, proof: [], from: near, to: near })
          judge('a size with one root twice', { ...truth, proof: [], from: near, to: near, old: truth.root })
        }
        judge('sizes exchanged', { ...truth, from: to, to: from, old: truth.root, root: truth.old })
        for (const none of [new Uint8Array(0), new Uint8Array(31), concat(truth.root, truth.root)]) {
          judge('a root that is none', { ...truth, root: none })
          judge('an old root that is none', { ...truth, old: none })
          judge('twice a root that is none', { ...truth, from: to, proof: [], old: none, root: none })
          judge('a root that is none, after nothing', { ...truth, from: 0, proof: [], old: emptyRoot, root: none })
        }
        // An inclusion proof of the last old leaf has nearly the same hashes.
        if (from > 0) judge('an inclusion proof', { ...truth, proof: log.path(from - 1, 0, to) })
      }
    }
  })
})
