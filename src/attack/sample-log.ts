/** Entries of our own: for a log that has too few to play on, and for one that has to stand in for the user's. */
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { IdSource, type World } from '../append/clock.ts'
import { createLog } from '../append/create-log.ts'
import { openWriter, type Writer } from '../append/writer.ts'
import { captureEntry, type Draft } from '../core/capture.ts'
import { type ControlInput, ownComponent } from '../core/control.ts'
import type { EntryInput, Receipt } from '../core/entry.ts'
import type { Micros } from '../core/time.ts'

/** A log, and where its keys are. */
export interface LogPlace {
  readonly file: string
  readonly keys: string
}

/** An entry with something of everything. */
export function sampleEntry(i: number): EntryInput {
  return {
    operation: ['remember', 'recall', 'search', 'forget'][i % 4]!,
    component: `component-${i % 3}`,
    outcome: i % 11 === 0 ? 'failure' : 'success',
    actor: { type: 'agent', id: `agent-${i % 5}`, onBehalfOf: { type: 'user', id: 'Zoë' } },
    memoryId: `mem_${i}`,
    session: `session ${Math.floor(i / 20)}`,
    operationResult: { ok: true, text: `result ${i} — überall 🌍` },
    complianceFlags: i % 2 === 0 ? ['audit_required', 'gdpr'] : [],
    attributes: { 'gen_ai.tool.name': 'remember', café: 'Zoë', n: i, zero: 0 },
  }
}

/** A clock that can be set forward, and looks a millisecond later each time. */
export class SetClock implements World {
  #time: Micros

  constructor(time: Micros) {
    this.#time = time
  }

  now(): Micros {
    this.#time += 1000
    return this.#time
  }

  /** Lets time pass. */
  pass(micros: Micros): void {
    this.#time += micros
  }

  random(length: number): Uint8Array {
    return new Uint8Array(randomBytes(length))
  }
}

/** What is written of a log here: drafts of entries, and of what this software says of the log. */
export class Drafts {
  readonly #world: World
  readonly #ids: IdSource
  #made = 0

  constructor(world: World) {
    this.#world = world
    this.#ids = new IdSource(world)
  }

  entry(input: EntryInput): Draft {
    const time = this.#world.now()
    return captureEntry(input, { id: this.#ids.next(time), time })
  }

  samples(count: number): Draft[] {
    return Array.from({ length: count }, () => this.entry(sampleEntry(this.#made++)))
  }

  control(input: ControlInput): Draft {
    const time = this.#world.now()
    const entry = { ...input, component: ownComponent }
    return captureEntry(entry, { id: this.#ids.next(time), time, control: true })
  }
}

/** Opens a log as any writer does. It signs when it closes, and when it is told. */
export async function openForWriting({ file, keys }: LogPlace, world: World): Promise<Writer> {
  const checkpoints = { everyEntries: 1e9, everyMs: 1e9 }
  return await openWriter({ file, keys, checkpoints, onFailure: 'refuse' }, world)
}

/** Appends, each list in one commit, and signs at the end. */
export async function write(place: LogPlace, world: World, commits: readonly Draft[][]): Promise<Receipt[][]> {
  const writer = await openForWriting(place, world)
  try {
    const receipts: Receipt[][] = []
    for (const drafts of commits) receipts.push(drafts.length === 0 ? [] : await writer.append(drafts))
    return receipts
  } finally {
    await writer.close()
  }
}

export interface SampleLogOptions {
  readonly entries: number
  readonly origin?: string
  readonly encryption: 'sqlcipher' | 'none'
  readonly world: World
}

/** A log of nothing but samples. */
export async function makeSampleLog(
  folder: string,
  { entries, origin, encryption, world }: SampleLogOptions,
): Promise<LogPlace & { readonly sealKey: string }> {
  const place = { file: join(folder, 'audit.db'), keys: join(folder, 'keys') }
  const { sealKey } = await createLog({ ...place, origin, encryption }, world)
  const drafts = new Drafts(world)
  const commits: Draft[][] = []
  for (let left = entries - 1; left > 0; left -= commits.at(-1)!.length) {
    commits.push(drafts.samples(Math.min(left, 1 + (commits.length % 3) * 100)))
  }
  await write(place, world, commits)
  return { ...place, sealKey }
}
