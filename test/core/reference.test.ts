/**
 * The tree held against RFC 6962 as it is written (`support/reference-tree.ts`): every size to 1 100, and sizes to 2^40
 * over a log that is never written down. The seed of a run that failed is printed; `MEMMIMIC_SEED` runs it again.
 */
import { afterAll, describe, expect, it } from 'vitest'
import { equal, toHex } from '../../src/core/bytes.ts'
import { leafHash } from '../../src/core/hash.ts'
import {
  checkConsistency,
  checkInclusion,
  consistencyProof,
  inclusionProof,
  rootFromInclusion,
} from '../../src/core/proof.ts'
import { partialWidth, tileWidth } from '../../src/core/tile.ts'
import { RightEdge, rootAt, subtreeHash, type TileReader, tilesForRoot } from '../../src/core/tree.ts'
import { recordEvidence } from '../support/evidence.ts'
import { Random, seedOf } from '../support/random.ts'
import { MemoryTiles, ReferenceTree, rootOfPath, rootsOfSubproof, VirtualTree } from '../support/reference-tree.ts'

const seed = seedOf('reference')
const counts = { sizes: 0, largestSize: 0, roots: 0, inclusionProofs: 0, consistencyProofs: 0, tiles: 0, edges: 0 }
afterAll(() => recordEvidence('reference-tree', { seed, ...counts }))

/** Compares without the cost of an expectation: a few hundred thousand times. */
function same(actual: readonly Uint8Array[], expected: readonly Uint8Array[], what: string): void {
  if (actual.length === expected.length && actual.every((hash, i) => equal(hash, expected[i]!))) return
  expect(actual.map(toHex), `${what}, seed ${seed}`).toEqual(expected.map(toHex))
  expect.fail(what)
}

/** One leaf in one size: the proof is PATH, it is taken, and the definition read backwards agrees. */
function checkLeaf(tree: ReferenceTree, tiles: TileReader, index: number, size: number, root: Uint8Array): void {
  const what = `leaf ${index} of ${size}`
  const leaf = tree.hash(index, index + 1)
  const path = inclusionProof(index, size, tiles)
  same(path, tree.path(index, 0, size), what)
  same(
    [rootFromInclusion(path, index, size, leaf)!, rootOfPath(path, BigInt(index), BigInt(size), leaf)!],
    [root, root],
    what,
  )
  if (!checkInclusion(path, index, size, leaf, root)) expect.fail(`${what} is refused, seed ${seed}`)
  counts.inclusionProofs++
}

/** One size in a later one. */
function checkPrefix(tree: ReferenceTree, tiles: TileReader, from: number, to: number, root: Uint8Array): void {
  const what = `${from} in ${to}`
  const old = tree.hash(0, from)
  const proof = consistencyProof(from, to, tiles)
  same(proof, from === 0 ? [] : tree.subproof(from, 0, to, true), what)
  if (from > 0) same(rootsOfSubproof(proof, BigInt(from), BigInt(to), old)!, [old, root], what)
  if (!checkConsistency(proof, from, to, old, root)) expect.fail(`${what} is refused, seed ${seed}`)
  counts.consistencyProofs++
}

const indexOf = (level: number, size: number) => Math.floor(size / tileWidth ** (level + 1))

describe('a tree of every size to 1 100', () => {
  const last = 1100
  const tree = ReferenceTree.numbered(last)
  const tiles = new MemoryTiles()
  const random = new Random(seed)

  it('has the roots, the tiles and the partial tiles of RFC 6962, and goes on from each as if it had never stopped', () => {
    const edge = RightEdge.empty()
    for (let size = 0; size <= last; size++) {
      const root = tree.hash(0, size)
      const partial = edge.partialTiles()
      tiles.add(partial)
      for (const { level, index, hashes } of partial) {
        expect(hashes.length).toBe(32 * partialWidth(level, size))
        const unit = tileWidth ** level
        const expected = Array.from({ length: hashes.length / 32 }, (_, i) => (tileWidth * index + i) * unit)
        const actual = expected.map((_, i) => hashes.subarray(32 * i, 32 * i + 32))
        same(
          actual,
          expected.map(start => tree.hash(start, start + unit)),
          `tile ${level}/${index} of ${size}`,
        )
        counts.tiles++
      }
      const loaded = RightEdge.load(size, level => tiles.read(level, indexOf(level, size), partialWidth(level, size)))
      same([edge.root(), loaded.root(), rootAt(size, tiles.read)], [root, root, root], `root of ${size}`)
      counts.roots++
      // As far as the next border of a tile and a bit, so that each way of filling one is gone.
      const steps = Math.min(size % 7 === 0 ? 260 : 2, last - size)
      for (let i = 0; i < steps; i++) loaded.append(tree.leafHashes[size + i]!)
      same([loaded.root()], [tree.hash(0, size + steps)], `${steps} on from ${size}`)
      counts.edges++
      if (size < last) edge.append(tree.leafHashes[size]!)
      tiles.add(edge.takeFullTiles())
    }
    counts.sizes += last + 1
  })

  it('proves every leaf of a sample of sizes, and every size in a sample of the later ones', () => {
    const whole = new Set([2, 3, 256, 257, 513, 1025, ...random.some(3, last).map(size => size + 1)])
    for (let size = 1; size <= last; size++) {
      const root = tree.hash(0, size)
      const indexes = whole.has(size) ? Array.from({ length: size }, (_, i) => i) : random.some(6, size)
      for (const index of [0, size - 1, ...indexes]) checkLeaf(tree, tiles.read, index, size, root)
      const sizes = whole.has(size) ? Array.from({ length: size + 1 }, (_, i) => i) : random.some(6, size + 1)
      for (const from of [0, 1, size - 1, size, ...sizes]) checkPrefix(tree, tiles.read, from, size, root)
    }
  })
})

describe('a tree of up to 2^40 leaves', () => {
  const largest = 2 ** 40
  const random = new Random(seed + 1)

  /** Around 256^n, their multiples and sums, around powers of two, and anywhere. */
  function sizes(): number[] {
    const found = new Set<number>([largest, largest - 1])
    const around = (n: number) => {
      for (const size of [n - 1, n, n + 1]) if (size > 0 && size <= largest) found.add(size)
    }
    for (let n = 1; n <= 5; n++) {
      around(256 ** n)
      for (const k of [2, 3, 255, random.below(255) + 1]) around(k * 256 ** n)
      around(256 ** n + 256 ** (n - 1))
      around(256 ** n + (random.below(255) + 1) * 256 ** random.below(n) + random.below(3))
    }
    for (const bits of [31, 32, 33, 39]) around(2 ** bits)
    while (found.size < 160) found.add(random.below(2 ** (1 + random.below(40))) + 1)
    return [...found].sort((a, b) => a - b)
  }

  it('has the roots, subtrees, proofs and edges of RFC 6962', () => {
    for (const size of sizes()) {
      const special = new Map<number, Uint8Array>()
      for (const index of [0, size - 1, ...random.some(3, size)]) special.set(index, leafHash(Buffer.from(`${index}`)))
      const tree = new VirtualTree(leafHash(new Uint8Array(0)), special)
      const root = tree.hash(0, size)
      const planned = tilesForRoot(size)
      same([rootAt(size, tree.tile)], [root], `root of ${size}`)
      expect(planned.every(({ level, width }) => width === partialWidth(level, size))).toBe(true)
      for (const index of [...special.keys(), ...random.some(3, size)]) checkLeaf(tree, tree.tile, index, size, root)
      const near = [1, size, size - 1, 256 ** Math.floor(Math.log2(size) / 8), ...random.some(5, size)]
      for (const from of near) checkPrefix(tree, tree.tile, from, size, root)

      const edge = RightEdge.load(size - 1, level =>
        tree.tile(level, indexOf(level, size - 1), partialWidth(level, size - 1)),
      )
      edge.append(tree.hash(size - 1, size))
      same([edge.root()], [root], `on from ${size - 1}`)
      for (const { level, index, hashes } of [...edge.takeFullTiles(), ...edge.partialTiles()]) {
        same([hashes], [tree.tile(level, index, hashes.length / 32)], `tile ${level}/${index} of ${size}`)
        counts.tiles++
      }
      const width = 2 ** random.below(1 + Math.floor(Math.log2(size)))
      const start = width * random.below(Math.floor(size / width))
      same([subtreeHash(start, start + width, tree.tile)], [tree.hash(start, start + width)], `${width} from ${start}`)
      counts.sizes++
      counts.roots++
      counts.edges++
      counts.largestSize = Math.max(counts.largestSize, size)
    }
  })
})
