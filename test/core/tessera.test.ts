import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { openCheckpoint, signCheckpoint } from '../../src/core/checkpoint.ts'
import { leafHash } from '../../src/core/hash.ts'
import { ed25519Signer } from '../../src/core/note.ts'
import { checkConsistency, checkInclusion, consistencyProof, inclusionProof } from '../../src/core/proof.ts'
import { entriesPath, formatBundle, parseBundle, tilePath } from '../../src/core/tile.ts'
import { checkTlogProof, formatTlogProof, parseTlogProof } from '../../src/core/tlog-proof.ts'
import { RightEdge, rootAt, type TileReader } from '../../src/core/tree.ts'
import { parseVkey } from '../../src/core/vkey.ts'
import { ed25519Key } from '../support/keys.ts'
import { describeVectors, unpackVector } from '../support/vectors.ts'

/** Upstream's public test keys: transparency-dev/tessera, `testdata/build_log.sh`. */
const vkey = 'example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx'
const skey = 'PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg'
const origin = 'example.com/log/testdata'
const sizes = Array.from({ length: 16 }, (_, size) => size)

describeVectors("Tessera's log", () => {
  const directory = unpackVector('tlog/tessera-log.tar.gz')
  const read = (name: string): Uint8Array => Uint8Array.from(readFileSync(path.join(directory, name)))
  const note = (size: number): string => new TextDecoder().decode(read(`checkpoint.${size}`))
  const open = (size: number) => openCheckpoint(note(size), origin, [parseVkey(vkey)]).checkpoint
  const tiles: TileReader = (level, index, width) => read(tilePath(level, index, width))
  const leaves = parseBundle(read(entriesPath(0, 15)))

  it('has signed checkpoints whose roots are those of its tiles', () => {
    for (const size of sizes) {
      expect(open(size)).toEqual({ origin, size, root: rootAt(size, tiles), extensions: [] })
    }
    expect(read('checkpoint')).toEqual(read('checkpoint.15'))
  })

  it('has every leaf in every later size, and every size in every later one', () => {
    for (const size of sizes) {
      const { root } = open(size)
      for (let index = 0; index < size; index++) {
        const path = inclusionProof(index, size, tiles)
        expect(checkInclusion(path, index, size, leafHash(leaves[index]!), root)).toBe(true)
        const text = formatTlogProof({ index, path, checkpoint: note(size) })
        expect(checkTlogProof(parseTlogProof(text), leaves[index]!, origin, [parseVkey(vkey)]).checkpoint.size).toBe(
          size,
        )
      }
      for (let from = 0; from <= size; from++) {
        const proof = consistencyProof(from, size, tiles)
        expect(checkConsistency(proof, from, size, open(from).root, root)).toBe(true)
      }
    }
  })

  it('comes out the same, byte for byte, when its leaves are appended here', () => {
    const key = ed25519Key(Buffer.from(skey.split('+').slice(4).join('+'), 'base64').subarray(1))
    const signer = ed25519Signer(origin, key.publicKey, key.sign)
    const edge = RightEdge.empty()
    const written: string[] = []
    for (const size of sizes) {
      if (size > 0) edge.append(leafHash(leaves[size - 1]!))
      const head = { origin, size, root: edge.root(), extensions: [] }
      expect(signCheckpoint(head, [signer])).toBe(note(size))
      for (const { level, index, hashes } of edge.partialTiles()) {
        const name = tilePath(level, index, hashes.length / 32)
        expect(hashes).toEqual(read(name))
        const bundle = entriesPath(index, size)
        expect(formatBundle(leaves.slice(0, size))).toEqual(read(bundle))
        written.push(name, bundle)
      }
    }
    const upstream = readdirSync(path.join(directory, 'tile'), { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .map(entry => path.relative(directory, path.join(entry.parentPath, entry.name)))
    expect(written.sort()).toEqual(upstream.sort())
  })
})
