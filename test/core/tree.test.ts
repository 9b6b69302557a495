import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/core/bytes.ts'
import { emptyRoot, genesisHash, leafHash, leafHashHex, nodeHash } from '../../src/core/hash.ts'
import {
  checkConsistency,
  checkInclusion,
  consistencyProof,
  inclusionProof,
  tilesForConsistency,
  tilesForInclusion,
} from '../../src/core/proof.ts'
import { partialWidth, type TileId } from '../../src/core/tile.ts'
import { RightEdge, rootAt, subtreeHash, tilesForRoot } from '../../src/core/tree.ts'
import { MemoryTiles, ReferenceTree } from '../support/reference-tree.ts'
import { describeVectors, readVector } from '../support/vectors.ts'

const max = Number.MAX_SAFE_INTEGER

/** Appends all leaves of the reference; `at` sees the edge at every size. */
function grow(reference: ReferenceTree, at: (edge: RightEdge, tiles: MemoryTiles) => void = () => {}): MemoryTiles {
  const edge = RightEdge.empty()
  const tiles = new MemoryTiles()
  at(edge, tiles)
  for (const hash of reference.leafHashes) {
    edge.append(hash)
    tiles.add(edge.takeFullTiles())
    at(edge, tiles)
  }
  tiles.add(edge.partialTiles())
  return tiles
}

const spell = (tiles: readonly TileId[]): string[] =>
  tiles.map(({ level, index, width }) => `${level}/${index}/${width}`)

function readsOf<T>(tiles: MemoryTiles, compute: () => T): [T, string[]] {
  tiles.reads.length = 0
  return [compute(), [...tiles.reads]]
}

/** Copies of a proof, each with one byte of one hash changed. */
function damaged(proof: readonly Uint8Array[], seed: number): Uint8Array[][] {
  return proof.map((_, i) =>
    proof.map((hash, j) =>
      i === j ? hash.map((byte, at) => (at === seed % 32 ? byte ^ (1 << (seed % 8)) : byte)) : hash,
    ),
  )
}

describeVectors('the reference tree of Certificate Transparency', () => {
  it('has the same leaf hashes, node hashes and roots here', () => {
    const reference = JSON.parse(readVector('merkle/ct-reference.json')) as {
      leaf_inputs_hex: string[]
      node_hashes_hex_by_level: string[][]
      root_hashes_hex_by_size: string[]
    }
    const edge = RightEdge.empty()
    const roots = [toHex(edge.root())]
    let row = reference.leaf_inputs_hex.map(hex => {
      const leaf = Uint8Array.from(Buffer.from(hex, 'hex'))
      edge.append(leafHash(leaf))
      roots.push(toHex(edge.root()))
      expect(leafHashHex(leaf)).toBe(toHex(leafHash(leaf)))
      return leafHash(leaf)
    })
    expect(roots).toEqual(reference.root_hashes_hex_by_size)
    for (const level of reference.node_hashes_hex_by_level) {
      expect(row.map(toHex)).toEqual(level)
      row = Array.from({ length: row.length >> 1 }, (_, i) => nodeHash(row[2 * i]!, row[2 * i + 1]!))
    }
  })
})

describe('hashes', () => {
  it('are of the whole leaf, whatever its length and whatever was hashed before', () => {
    for (const length of [70_000, 65_536, 65_535, 3, 0]) {
      const tree = new ReferenceTree()
      tree.append(new Uint8Array(length).fill(7))
      expect(leafHash(new Uint8Array(length).fill(7))).toEqual(tree.leafHashes[0])
    }
    expect(() => nodeHash(new Uint8Array(32), new Uint8Array(31))).toThrow(RangeError)
    expect(genesisHash('memmimic-audit.local/0123456789abcdef')).toBe(
      'e1629b17de2dcef1ecae915c5465df20c02c626ae6cbcf9964a172f1d9044a27',
    )
  })
})

describe('a tree of up to 272 leaves', () => {
  const size = 272
  const reference = ReferenceTree.numbered(size)

  it('has the root and the partial tiles of RFC 6962 at every size, loads from them, and grows on the same', () => {
    grow(reference, (edge, tiles) => {
      const root = reference.hash(0, edge.size)
      expect(edge.root()).toEqual(root)
      const partial = edge.partialTiles()
      for (const { level, index, hashes } of partial) {
        expect(hashes.length).toBe(32 * partialWidth(level, edge.size))
        const unit = 256 ** level
        for (let i = 0; i < hashes.length / 32; i++) {
          const start = (index * 256 + i) * unit
          expect(hashes.subarray(32 * i, 32 * i + 32)).toEqual(reference.hash(start, start + unit))
        }
      }
      const loaded = RightEdge.load(edge.size, level => partial.find(tile => tile.level === level)!.hashes)
      expect(loaded.root()).toEqual(root)
      const next = reference.leafHashes[edge.size]
      if (next === undefined) return
      const copy = edge.clone()
      loaded.append(next)
      copy.append(next)
      expect([loaded.root(), copy.root(), edge.root()]).toEqual([
        reference.hash(0, edge.size + 1),
        reference.hash(0, edge.size + 1),
        root,
      ])
      expect(loaded.partialTiles()).toEqual(copy.partialTiles())
      expect(loaded.takeFullTiles()).toEqual(copy.takeFullTiles())
      tiles.add(partial)
      expect(rootAt(edge.size, tiles.read)).toEqual(root)
    })
  })

  it('proves every leaf in every size, from the planned tiles, and no damaged proof passes', () => {
    const tiles = grow(reference)
    for (let n = 1; n <= size; n++) {
      const root = rootAt(n, tiles.read)
      if (toHex(root) !== toHex(reference.hash(0, n))) expect.fail(`root of ${n}`)
      for (let index = 0; index < n; index++) {
        const [proof, reads] = readsOf(tiles, () => inclusionProof(index, n, tiles.read))
        const leaf = reference.leafHashes[index]!
        const same = proof.map(toHex).join() === reference.path(index, 0, n).map(toHex).join()
        const planned = reads.join() === spell(tilesForInclusion(index, n)).join()
        if (!same || !planned || !checkInclusion(proof, index, n, leaf, root)) expect.fail(`leaf ${index} of ${n}`)
        if ((index * 7 + n) % 11 > 0) continue
        for (const bad of damaged(proof, index + n)) {
          if (checkInclusion(bad, index, n, leaf, root)) expect.fail(`damaged proof of leaf ${index} of ${n}`)
        }
      }
    }
  })

  it('proves every size a prefix of every later one, from the planned tiles, and no damaged proof passes', () => {
    const tiles = grow(reference)
    for (let to = 0; to <= size; to++) {
      const rootTo = reference.hash(0, to)
      for (let from = 0; from <= to; from++) {
        const [proof, reads] = readsOf(tiles, () => consistencyProof(from, to, tiles.read))
        const expected = from === 0 ? [] : reference.subproof(from, 0, to, true)
        const same = proof.map(toHex).join() === expected.map(toHex).join()
        const planned = reads.join() === spell(tilesForConsistency(from, to)).join()
        const rootFrom = reference.hash(0, from)
        if (!same || !planned || !checkConsistency(proof, from, to, rootFrom, rootTo)) expect.fail(`${from} to ${to}`)
        if ((from * 7 + to) % 11 > 0) continue
        for (const bad of damaged(proof, from + to)) {
          if (checkConsistency(bad, from, to, rootFrom, rootTo)) expect.fail(`damaged proof from ${from} to ${to}`)
        }
      }
    }
  })

  it('leaves the tiles that it reads as they are, also those that come as Buffers', () => {
    const reference = ReferenceTree.numbered(200)
    const tiles = grow(reference)
    const buffers = new Map<string, Buffer>()
    const kept = (level: number, index: number, width: number) => {
      const key = `${level}/${index}/${width}`
      if (!buffers.has(key)) buffers.set(key, Buffer.from(tiles.read(level, index, width)))
      return buffers.get(key)!
    }
    for (const index of [5, 9, 5])
      expect(inclusionProof(index, 200, kept)).toEqual(inclusionProof(index, 200, tiles.read))
  })

  it('hashes subtrees, and only subtrees', () => {
    const tiles = grow(reference)
    for (const [start, end] of [
      [0, 1],
      [271, 272],
      [0, 272],
      [128, 256],
      [256, 272],
      [8, 13],
      [12, 14],
    ] as const) {
      expect(subtreeHash(start, end, tiles.read)).toEqual(reference.hash(start, end))
    }
    for (const [start, end] of [
      [1, 3],
      [4, 13],
      [128, 272],
      [5, 5],
      [6, 5],
      [-1, 1],
      [0.5, 1],
    ] as const) {
      expect(() => subtreeHash(start, end, tiles.read)).toThrow(RangeError)
      if (!(start < end)) expect(() => subtreeHash(start, end, tiles.read)).toThrow(/no leaves from|tree size/)
    }
  })
})

describe('a tree at the seams of its tiles', () => {
  const sizes = [255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537]
  const reference = ReferenceTree.numbered(65_537 + 300)
  const partialAt = new Map<number, Uint8Array[]>()
  const rootOf = new Map<number, Uint8Array>()
  const tiles = grow(reference, edge => {
    if (!sizes.includes(edge.size)) return
    rootOf.set(edge.size, edge.root())
    partialAt.set(
      edge.size,
      edge.partialTiles().map(tile => tile.hashes),
    )
  })

  it('has the same roots whether grown, loaded from partial tiles, or read from tiles that have grown on', () => {
    for (const size of sizes) {
      const root = reference.hash(0, size)
      expect(rootOf.get(size)).toEqual(root)
      const [read, reads] = readsOf(tiles, () => rootAt(size, tiles.read))
      expect(read).toEqual(root)
      expect(reads).toEqual(spell(tilesForRoot(size)))
      const planned = tilesForRoot(size).reverse()
      expect(planned.map(({ width }) => 32 * width)).toEqual(partialAt.get(size)!.map(hashes => hashes.length))
      expect(planned.map(({ level, index, width }) => tiles.read(level, index, width))).toEqual(partialAt.get(size))
      const loaded = RightEdge.load(size, level =>
        tiles.read(level, Math.floor(size / 256 ** (level + 1)), partialWidth(level, size)),
      )
      for (let i = size; i < size + 300; i++) loaded.append(reference.leafHashes[i]!)
      expect(loaded.root()).toEqual(reference.hash(0, size + 300))
    }
  })

  it('proves the same as RFC 6962, for sizes and leaves at random and near the seams', () => {
    const near = (bound: number) =>
      fc.oneof(
        fc.nat(bound),
        fc.constantFrom(...sizes, 0, 1, bound).map(n => Math.min(n, bound)),
      )
    const last = reference.leafHashes.length
    fc.assert(
      fc.property(
        near(last - 1).chain(n => fc.tuple(fc.constant(n + 1), near(n))),
        ([size, index]) => {
          const path = inclusionProof(index, size, tiles.read)
          expect(path).toEqual(reference.path(index, 0, size))
          const root = reference.hash(0, size)
          expect(checkInclusion(path, index, size, reference.leafHashes[index]!, root)).toBe(true)
          for (const bad of damaged(path, index)) {
            expect(checkInclusion(bad, index, size, reference.leafHashes[index]!, root)).toBe(false)
          }
          const from = index + 1
          const proof = consistencyProof(from, size, tiles.read)
          expect(proof).toEqual(reference.subproof(from, 0, size, true))
          expect(checkConsistency(proof, from, size, reference.hash(0, from), root)).toBe(true)
          for (const bad of damaged(proof, index)) {
            expect(checkConsistency(bad, from, size, reference.hash(0, from), root)).toBe(false)
          }
        },
      ),
      { numRuns: 150 },
    )
  })

  it('gives each full tile once, level 0 before the level that it completes', () => {
    const edge = RightEdge.empty()
    const taken: string[] = []
    for (let i = 0; i < 65_536; i++) {
      edge.append(reference.leafHashes[i]!)
      if (i % 1000 === 999) taken.push(...edge.takeFullTiles().map(({ level, index }) => `${level}/${index}`))
    }
    taken.push(...edge.takeFullTiles().map(({ level, index }) => `${level}/${index}`))
    expect(taken).toEqual([...Array.from({ length: 256 }, (_, i) => `0/${i}`), '1/0'])
    expect(edge.takeFullTiles()).toEqual([])
    expect(edge.partialTiles().map(({ level, index, hashes }) => [level, index, hashes.length])).toEqual([[2, 0, 32]])
  })
})

describe('a tree of up to 2^53−1 equal leaves', () => {
  const hashAtHeight = [leafHash(new Uint8Array(0))]
  for (let height = 0; height < 52; height++) hashAtHeight.push(nodeHash(hashAtHeight[height]!, hashAtHeight[height]!))
  const tile = (level: number, _index: number, width: number): Uint8Array =>
    Uint8Array.from({ length: 32 * width }, (_, i) => hashAtHeight[8 * level]![i % 32]!)
  const sizes = [2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 40 + 255, 2 ** 52, max - 1, max]

  it('has roots, appends and proofs without losing a bit', () => {
    for (const size of sizes) {
      const root = rootAt(size, tile)
      const edge = RightEdge.load(size - 1, level => tile(level, 0, partialWidth(level, size - 1)))
      edge.append(hashAtHeight[0]!)
      expect(edge.size).toBe(size)
      expect(edge.root()).toEqual(root)
      for (const index of [0, 1, 255, 256, size >= 2 ** 32 ? 2 ** 32 - 1 : 2 ** 30, size - 2, size - 1]) {
        const path = inclusionProof(index, size, tile)
        expect(checkInclusion(path, index, size, hashAtHeight[0]!, root)).toBe(true)
        expect(checkInclusion(path.slice(1), index, size, hashAtHeight[0]!, root)).toBe(false)
        const rootFrom = rootAt(index + 1, tile)
        const proof = consistencyProof(index + 1, size, tile)
        expect(checkConsistency(proof, index + 1, size, rootFrom, root)).toBe(true)
      }
    }
  })
})

describe('wrong arguments', () => {
  const none = (): Uint8Array => new Uint8Array(0)

  it('are refused before anything changes', () => {
    const edge = RightEdge.empty()
    for (const [hash, at] of [
      [new Uint8Array(31), 0],
      [new Uint8Array(64), 33],
      [new Uint8Array(64), -1],
    ] as const) {
      expect(() => edge.append(hash, at)).toThrow(RangeError)
    }
    edge.append(Uint8Array.of(1, ...leafHash(new Uint8Array(0))), 1)
    expect(edge.root()).toEqual(leafHash(new Uint8Array(0)))
    for (const size of [-1, 0.5, 2 ** 53, Number.NaN]) {
      expect(() => RightEdge.load(size, none)).toThrow(RangeError)
      expect(() => rootAt(size, none)).toThrow(RangeError)
      expect(() => consistencyProof(0, size, none)).toThrow(RangeError)
      expect(() => inclusionProof(0, size, none)).toThrow(RangeError)
    }
    expect(() => inclusionProof(1, 1, none)).toThrow(RangeError)
    expect(() => consistencyProof(2, 1, none)).toThrow(RangeError)
    expect(rootAt(0, none)).toEqual(emptyRoot)
    // What is given is the caller's: the constant stays what it is.
    rootAt(0, none).fill(0)
    expect(toHex(rootAt(0, none))).toMatch(/^e3b0c442/)
    expect(tilesForRoot(0)).toEqual([])
  })

  it('among the tiles are damage: a tile that is too short or too long', () => {
    for (const wrong of [none, () => new Uint8Array(33), () => new Uint8Array(64)]) {
      expect(() => RightEdge.load(1, wrong)).toThrow(expect.objectContaining({ code: 'damaged' }))
      expect(() => rootAt(1, wrong)).toThrow(expect.objectContaining({ code: 'damaged' }))
    }
  })
})
