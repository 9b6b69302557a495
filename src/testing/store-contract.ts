/**
 * What every store must do, as named cases: loop over them with any test runner.
 *
 * @example for (const { name, run } of storeContract(() => new MemoryStore())) it(name, run)
 */
import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { toHex } from '../core/bytes.ts'
import { leafHash } from '../core/hash.ts'
import { partialWidth } from '../core/tile.ts'
import { RightEdge } from '../core/tree.ts'
import type { Batch, NewEntry, Store, StoredEntry } from '../store/store.ts'

export interface ContractCase {
  /** A sentence that the store makes true. */
  readonly name: string
  run(): Promise<void>
}

/** @param open gives an empty store; the case closes it */
export function storeContract(open: () => Store | Promise<Store>): ContractCase[] {
  return cases.map(([name, run]) => ({
    name,
    async run() {
      const store = await open()
      try {
        await run(store)
      } finally {
        await store.close()
      }
    },
  }))
}

const encoder = new TextEncoder()

function entry(seq: number): NewEntry {
  const leaf = encoder.encode(JSON.stringify({ seq, text: 'x'.repeat(seq % 50) }))
  const content = seq % 3 === 0 ? new Uint8Array(0) : encoder.encode(`content of ${seq} `.repeat(seq % 7))
  return { seq, leaf, content, hash: leafHash(leaf) }
}

/** Grows a store by some entries at a time, as the sequencer does. */
async function grow(store: Store, ...steps: number[]): Promise<RightEdge> {
  const edge = RightEdge.empty()
  await growOn(store, edge, ...steps)
  return edge
}

async function growOn(store: Store, edge: RightEdge, ...steps: number[]): Promise<void> {
  for (const count of steps) await store.commit(() => batchOf(edge, count))
}

function batchOf(edge: RightEdge, count: number): Batch {
  const entries = Array.from({ length: count }, (_, i) => entry(edge.size + i))
  for (const { hash } of entries) edge.append(hash)
  const full = edge.takeFullTiles()
  const above = full.length > 0 ? edge.partialTiles().filter(({ level }) => level > 0) : []
  return {
    entries,
    tiles: [...full, ...above],
    seals: [{ size: edge.size, epoch: Math.floor(edge.size / 100), mac: leafHash(encoder.encode(String(edge.size))) }],
    head: { size: edge.size, root: edge.root() },
  }
}

async function declared(store: Store): Promise<StoredEntry[]> {
  const out: StoredEntry[] = []
  for await (const entry of store.declarations()) out.push(entry)
  return out
}

async function read(store: Store, from: number, to: number): Promise<StoredEntry[]> {
  const out: StoredEntry[] = []
  for await (const some of store.entries(from, to)) out.push(...some)
  return out
}

const plain = ({ seq, leaf, content }: StoredEntry) => ({ seq, leaf: toHex(leaf), content: toHex(content) })

const cases: [string, (store: Store) => Promise<void>][] = [
  [
    'an empty store has no head, no entries, no tiles, no seals and no checkpoints',
    async store => {
      strictEqual(await store.head(), undefined)
      deepStrictEqual(await read(store, 0, 10), [])
      strictEqual(await store.tile(0, 0), undefined)
      strictEqual(await store.lastCheckpoint(), undefined)
      for await (const seal of store.seals(0, 10)) ok(!seal)
      for await (const checkpoint of store.checkpoints(0, 10)) ok(!checkpoint)
    },
  ],
  [
    'what was committed is read back byte for byte, however the commits were cut',
    async store => {
      const edge = await grow(store, 1, 2, 250, 1, 1, 1, 1, 600, 3, 255, 257, 1)
      const size = edge.size
      deepStrictEqual(
        (await read(store, 0, size + 10)).map(plain),
        Array.from({ length: size }, (_, i) => plain(entry(i))),
      )
      strictEqual((await store.head())?.size, size)
      strictEqual(toHex((await store.head())!.root), toHex(edge.root()))
    },
  ],
  [
    'any range gives exactly its entries',
    async store => {
      const { size } = await grow(store, 300, 1, 1, 400)
      for (const [from, to] of [
        [0, 1],
        [31, 33],
        [255, 257],
        [256, 256],
        [100, 600],
        [511, 513],
        [size - 1, size],
        [size, size + 5],
      ] as const) {
        const seqs = (await read(store, from, to)).map(({ seq }) => seq)
        const wanted = Array.from({ length: Math.max(0, Math.min(to, size) - from) }, (_, i) => from + i)
        deepStrictEqual(seqs, wanted, `${from}–${to}`)
      }
    },
  ],
  [
    'the tiles are those of the tree at every size, full and unfinished',
    async store => {
      const edge = RightEdge.empty()
      for (const count of [1, 100, 154, 1, 1, 300, 64_000, 1500]) {
        await store.commit(() => batchOf(edge, count))
        for (const { level, index, hashes } of edge.partialTiles()) {
          deepStrictEqual(
            new Uint8Array((await store.tile(level, index))!),
            hashes,
            `tile ${level}/${index} at ${edge.size}`,
          )
        }
      }
      const loaded = RightEdge.load(edge.size, level => {
        const tile = edge.partialTiles().find(partial => partial.level === level)
        return tile?.hashes ?? new Uint8Array(0)
      })
      deepStrictEqual(loaded.root(), edge.root())
      strictEqual((await store.tile(0, 0))?.length, 8192)
      strictEqual((await store.tile(1, 0))?.length, 8192)
      strictEqual((await store.tile(2, 0))?.length, 32 * partialWidth(2, edge.size))
    },
  ],
  [
    'a build that throws or gives nothing leaves the store as it was',
    async store => {
      const edge = await grow(store, 10)
      await rejects(async () => store.commit(() => Promise.reject(new Error('no'))), /no/)
      await rejects(
        async () =>
          store.commit(() => {
            throw new Error('nor this')
          }),
        /nor this/,
      )
      await store.commit(() => undefined)
      strictEqual((await store.head())?.size, 10)
      await store.commit(() => batchOf(edge, 5))
      strictEqual((await store.head())?.size, 15)
    },
  ],
  [
    'a build sees the head under the lock, and may read what is there',
    async store => {
      const edge = await grow(store, 260)
      await store.commit(async head => {
        strictEqual(head?.size, 260)
        strictEqual(toHex(head!.root), toHex(edge.root()))
        strictEqual((await store.tile(0, 1))?.length, 4 * 32)
        return batchOf(edge, 1)
      })
      strictEqual((await store.head())?.size, 261)
    },
  ],
  [
    'commits at the same time take turns',
    async store => {
      const edge = RightEdge.empty()
      const seen: number[] = []
      await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          for (;;) {
            try {
              await store.commit(head => {
                seen.push(head?.size ?? 0)
                return batchOf(edge, i + 1)
              })
              return
            } catch (error) {
              // A store may say that it is busy in place of waiting.
              if ((error as { code?: string }).code !== 'busy') throw error
            }
          }
        }),
      )
      strictEqual((await store.head())?.size, 55)
      deepStrictEqual(
        seen,
        [...seen].sort((a, b) => a - b),
      )
    },
  ],
  [
    'seals and checkpoints come back in order of size, within the range asked for',
    async store => {
      await grow(store, 10, 20, 30, 300, 400)
      const sizes: number[] = []
      for await (const { size, epoch, mac } of store.seals(10, 360)) {
        sizes.push(size)
        strictEqual(epoch, Math.floor(size / 100))
        deepStrictEqual(new Uint8Array(mac), leafHash(encoder.encode(String(size))))
      }
      deepStrictEqual(sizes, [30, 60, 360])
      await store.putCheckpoint({ size: 360, note: 'b' })
      await store.putCheckpoint({ size: 60, note: 'a' })
      await store.putCheckpoint({ size: 760, note: 'c' })
      await store.putCheckpoint({ size: 760, note: 'd' })
      const notes: string[] = []
      for await (const { size, note } of store.checkpoints(0, 760)) notes.push(`${size}${note}`)
      deepStrictEqual(notes, ['60a', '360b', '760d'])
      strictEqual((await store.lastCheckpoint())?.note, 'd')
    },
  ],
  [
    'of the checkpoints that end in one tile only the newest is kept',
    async store => {
      await grow(store, 600)
      for (const size of [256, 257, 300, 512, 513, 600]) await store.putCheckpoint({ size, note: String(size) })
      const notes: string[] = []
      for await (const { note } of store.checkpoints(0, 600)) notes.push(note)
      deepStrictEqual(notes, ['256', '512', '600'])
    },
  ],
  [
    'content that goes is gone with the batch that says so, and nothing else is',
    async store => {
      const edge = await grow(store, 300, 1, 1, 200)
      const size = edge.size
      const content = [
        [5, 5],
        [20, 70],
        [256, 258],
        [size - 2, size - 1],
      ] as const
      await store.commit(() => ({ ...batchOf(edge, 1), removal: { declaredBy: size, content, below: 0 } }))
      const isGone = (seq: number) => content.some(([first, last]) => first <= seq && seq <= last)
      deepStrictEqual(
        (await read(store, 0, size + 1)).map(plain),
        Array.from({ length: size + 1 }, (_, i) => ({ ...plain(entry(i)), ...(isGone(i) ? { content: '' } : {}) })),
      )
      strictEqual((await store.head())?.size, size + 1)
      deepStrictEqual((await declared(store)).map(plain), [plain(entry(size))])
      // What moves into blocks later is as it was left.
      await growOn(store, edge, 300)
      strictEqual((await read(store, size - 2, size - 1))[0]?.content.length, 0)
      strictEqual((await read(store, 19, 20))[0]?.content.length, entry(19).content.length)
    },
  ],
  [
    'leaves go as a prefix, but for the first; the tree keeps every hash of them',
    async store => {
      const edge = await grow(store, 300, 1, 800)
      const before = await store.tile(0, 0)
      const size = edge.size
      await store.commit(() => ({
        ...batchOf(edge, 1),
        removal: { declaredBy: size, content: [[0, 600]], below: 512 },
      }))
      const seqs = (await read(store, 0, size + 1)).map(({ seq }) => seq)
      deepStrictEqual(seqs, [0, ...Array.from({ length: size + 1 - 512 }, (_, i) => 512 + i)])
      deepStrictEqual(new Uint8Array((await store.tile(0, 0))!), new Uint8Array(before!))
      await growOn(store, edge, 1, 400, 1)
      strictEqual(plain((await read(store, 0, 1))[0]!).leaf, plain(entry(0)).leaf)
      strictEqual((await read(store, 1, 512)).length, 0)
      strictEqual((await declared(store)).length, 1)
      await store.commit(head => ({
        ...batchOf(edge, 1),
        removal: { declaredBy: head!.size, content: [], below: 1280 },
      }))
      // The first declaration went with its leaf, and with everything that it spoke of.
      strictEqual((await declared(store)).length, 1)
    },
  ],
  [
    'a batch with a removal that does not come about removes nothing',
    async store => {
      const edge = await grow(store, 100)
      await rejects(async () => store.commit(() => Promise.reject(new Error('no'))), /no/)
      strictEqual((await declared(store)).length, 0)
      strictEqual((await read(store, 0, edge.size)).filter(({ content }) => content.length > 0).length > 50, true)
    },
  ],
  [
    'a frozen head is frozen until a batch says otherwise',
    async store => {
      const edge = await grow(store, 3)
      for (const frozen of [true, true, false]) {
        await store.commit(() => {
          const batch = batchOf(edge, 1)
          return { ...batch, head: { ...batch.head, frozen } }
        })
        strictEqual((await store.head())?.frozen, frozen)
      }
    },
  ],
]
