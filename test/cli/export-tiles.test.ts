import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { toHex } from '../../src/core/bytes.ts'
import { openCheckpoint } from '../../src/core/checkpoint.ts'
import { leafHash } from '../../src/core/hash.ts'
import { checkInclusion, inclusionProof } from '../../src/core/proof.ts'
import { entriesPath, parseBundle, parseTilePath, tilePath } from '../../src/core/tile.ts'
import { RightEdge, rootAt } from '../../src/core/tree.ts'
import { parseVkey } from '../../src/core/vkey.ts'
import { lines, makeHome } from './support.ts'

test('the exported tree holds every leaf under every root, for a reader that knows only the specification', async () => {
  const home = makeHome()
  const [made] = await home.json<{ origin: string; vkeys: Record<string, string> }>(['init'])
  const verifiers = Object.values(made!.vkeys).map(parseVkey)
  const out = join(home.folder, 'tree')
  for (const size of [1, 2, 256, 300, 700]) {
    const [status] = await home.json<{ size: number; rootHash: string }>(['status'])
    if (size > status!.size) await home.run(['ingest', '-'], lines(size - status!.size))
    const [said] = await home.json<{ size: number; files: number }>(['export', '--tiles', out])
    expect(said).toMatchObject({ size })

    const { checkpoint } = openCheckpoint(readFileSync(join(out, 'checkpoint'), 'utf8'), made!.origin, verifiers)
    expect(checkpoint.size).toBe(size)
    // A partial tile of this size exists under its own name; those of earlier sizes may stay beside it.
    const tiles = (level: number, index: number, width: number) => {
      const full = join(out, tilePath(level, index))
      return new Uint8Array(readFileSync(existsSync(full) ? full : join(out, tilePath(level, index, width)))).subarray(
        0,
        width * 32,
      )
    }
    expect(toHex(rootAt(size, tiles))).toBe(toHex(checkpoint.root))
    const leaves: Uint8Array[] = []
    for (let index = 0; index * 256 < size; index++) {
      const width = Math.min(256, size - index * 256)
      leaves.push(...parseBundle(readFileSync(join(out, entriesPath(index, width)))))
    }
    expect(leaves.length).toBe(size)
    const edge = RightEdge.empty()
    // A tile of the last size holds what any smaller size needs of it.
    const tilesOfAll = (level: number, index: number, width: number) => {
      const now = Math.min(256, Math.floor(size / 256 ** level) - index * 256)
      return tiles(level, index, now).subarray(0, width * 32)
    }
    leaves.forEach((leaf, i) => {
      edge.append(leafHash(leaf))
      // Every earlier root can be computed from the same tiles.
      expect(toHex(edge.root())).toBe(toHex(rootAt(i + 1, tilesOfAll)))
      const path = inclusionProof(i, size, tiles)
      expect(checkInclusion(path, i, size, leafHash(leaf), checkpoint.root)).toBe(true)
    })
    expect(JSON.parse(Buffer.from(leaves.at(-1)!).toString('utf8')).seq).toBe(size - 1)
  }
  const files = readdirSync(out, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  for (const { parentPath, name } of files) {
    const path = join(parentPath, name).slice(out.length + 1)
    if (path !== 'checkpoint') parseTilePath(path)
  }
  expect((await home.run(['export', '--tiles', out, '--operation', 'x'])).code).toBe(2)
  // The last export is on record too.
  expect(await home.verifiedSize()).toBe(701)
})
