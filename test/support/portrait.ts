/** Everything that a log says, part by part: two logs with the same portrait are the same log to whoever asks. */
import { createHash } from 'node:crypto'
import type { Seal } from '../../src/core/seal.ts'
import type { Store, StoredCheckpoint, StoredEntry } from '../../src/store/store.ts'

export interface Portrait {
  /** Size, root, whether it is frozen. */
  readonly head: string
  /** Every entry that it gives, behind its end too: leaves and contents. */
  readonly entries: string
  /** The tiles that its size asks for, at every level. */
  readonly tiles: string
  readonly seals: readonly string[]
  readonly checkpoints: readonly string[]
  readonly declarations: string
  /** What the next writer would record by itself. */
  readonly toRecord: string
}

const end = Number.MAX_SAFE_INTEGER

export async function portraitOf(store: Store): Promise<Portrait> {
  const head = await store.head()
  const entries = createHash('sha256')
  for await (const some of store.entries(0, end)) for (const entry of some) entries.update(textOf(entry))
  const tiles = createHash('sha256')
  for (let level = 0, width = head?.size ?? 0; width > 0; level++, width = Math.floor(width / 256)) {
    for (let index = 0; index * 256 < width; index++) {
      tiles.update(`${level}/${index} ${hex(await store.tile(level, index))}\n`)
    }
  }
  const declarations = createHash('sha256')
  for await (const entry of store.declarations()) declarations.update(textOf(entry))
  const last = await store.lastCheckpoint()
  return {
    head: JSON.stringify({ ...head, root: hex(head?.root) }),
    entries: entries.digest('hex'),
    tiles: tiles.digest('hex'),
    seals: (await Array.fromAsync(store.seals(0, end))).map(sealText),
    checkpoints: [...(await Array.fromAsync(store.checkpoints(0, end))), last].map(noteText),
    declarations: declarations.digest('hex'),
    toRecord: String(await store.unrecordedStep?.()),
  }
}

/** The parts in which two portraits differ. */
export function differences(one: Portrait, other: Portrait): (keyof Portrait)[] {
  const parts = Object.keys(one) as (keyof Portrait)[]
  return parts.filter(part => JSON.stringify(one[part]) !== JSON.stringify(other[part]))
}

const hex = (bytes: Uint8Array | undefined) => (bytes === undefined ? '' : Buffer.from(bytes).toString('hex'))
const textOf = ({ seq, leaf, content }: StoredEntry) => `${seq} ${hex(leaf)} ${hex(content)}\n`
const sealText = ({ size, epoch, mac }: Seal) => `${size} ${epoch} ${hex(mac)}`
const noteText = (checkpoint: StoredCheckpoint | undefined) => `${checkpoint?.size} ${checkpoint?.note}`
