/**
 * What is said again in a log that was restored, because the entry that said it was given up: what was let go of goes once
 * more, what a hold keeps is kept, and an earlier restore stays on record.
 */
import { IdSource, type World } from '../append/clock.ts'
import type { RemovalRequest, Sequencer } from '../append/sequencer.ts'
import type { SubjectKeys } from '../append/subject-keys.ts'
import { captureEntry } from '../core/capture.ts'
import { type ControlInput, ownComponent } from '../core/control.ts'
import type { Actor } from '../core/entry.ts'
import { formatRanges, parseRanges, rangesOf } from '../core/ranges.ts'
import { tileWidth } from '../core/tile.ts'
import type { EntryView } from '../core/view.ts'
import type { LogReader } from '../store/store.ts'
import type { PresentLog } from './present.ts'

/** Pieces that one entry can name. */
const maxRanges = 1500

export interface AgainOptions {
  /** Of the log that was restored. */
  readonly sequencer: Sequencer
  readonly world: World
  readonly who: { readonly actor?: Actor }
}

export class Again {
  readonly #options: AgainOptions
  readonly #ids: IdSource
  /** What was said, in its order. */
  readonly said: { readonly operation: string; readonly seq: number }[] = []

  constructor(options: AgainOptions) {
    this.#options = options
    this.#ids = new IdSource(options.world)
  }

  /** Whatever the present log declared behind the entries that both have. */
  async whatIsLost(present: PresentLog, common: number): Promise<void> {
    for (const view of await lostFrom(present, common)) {
      const { operation } = view
      if (operation === 'retention.pruned' || operation === 'subject.erased') await this.#removal(view, common)
      else if (operation === 'log.restored') {
        this.#note(operation, await this.#options.sequencer.recordRestore(this.#entry(view)))
      } else await this.#control({ ...this.#entry(view), operation: operation as ControlInput['operation'] })
    }
  }

  /** Content under a key that was destroyed since: it is gone, and nothing in the copy says so yet. */
  async whatIsClosed(copy: LogReader, keys: SubjectKeys): Promise<void> {
    const closed: number[] = []
    for await (const some of copy.entries(0, (await copy.head())?.size ?? 0)) {
      for (const { seq, content } of some) if (content.length > 0 && keys.open(content).length === 0) closed.push(seq)
    }
    const ranges = rangesOf(closed)
    for (let i = 0; i < ranges.length; i += maxRanges) {
      const entries = formatRanges(ranges.slice(i, i + maxRanges))
      await this.#remove({ operation: 'subject.erased', entries, below: 0, attributes: { closed: true } })
    }
  }

  async freeze(): Promise<void> {
    await this.#control({ operation: 'log.frozen', ...this.#options.who })
  }

  async #removal(view: EntryView, common: number): Promise<void> {
    const { entries, below } = view.attributes ?? {}
    const content = parseRanges(String(entries)).flatMap(([first, last]) =>
      first < common ? [[first, Math.min(last, common - 1)] as const] : [],
    )
    const leaves = Math.min(Number(below), common - (common % tileWidth))
    if (content.length === 0 && leaves === 0) return
    const operation = view.operation as RemovalRequest['operation']
    await this.#remove({ ...this.#entry(view), operation, entries: formatRanges(content), below: leaves })
  }

  async #remove(request: RemovalRequest): Promise<void> {
    this.#note(request.operation, await this.#options.sequencer.remove({ ...request, ...this.#options.who }))
  }

  async #control(entry: ControlInput): Promise<void> {
    const time = this.#options.world.now()
    const place = { id: this.#ids.next(time), time, control: true }
    const [receipt] = await this.#options.sequencer.commit([captureEntry({ ...entry, component: ownComponent }, place)])
    this.#note(entry.operation, receipt!)
  }

  /** What an entry says, with its number then, and who says it now. */
  #entry({ seq: again, attributes = {}, sealed = {}, ...view }: EntryView) {
    // What was the case then, the log says anew of now.
    const { frozen: _frozen, ...facts } = attributes
    const names = Object.keys(sealed).filter(name => name !== 'actor' && !isErased(view[name]))
    const values = Object.fromEntries(names.map(name => [name, view[name]]))
    return {
      attributes: { ...facts, again },
      ...(names.length === 0 ? {} : { sealed: values }),
      ...this.#options.who,
    }
  }

  #note(operation: string, { seq }: { readonly seq: number }): void {
    this.said.push({ operation, seq })
  }
}

const toBeSaidAgain: ReadonlySet<string> = new Set([
  'log.restored',
  'retention.pruned',
  'subject.erased',
  'hold.placed',
  'hold.released',
])

/** The declarations that were given up, but for holds that were released again. */
async function lostFrom(present: PresentLog, common: number): Promise<EntryView[]> {
  const lost = new Map<string, EntryView>()
  for await (const view of present.controlsFrom(common)) {
    const { id, operation, attributes } = view
    if (operation === 'hold.released' && lost.delete(String(attributes?.['hold.id']))) continue
    if (toBeSaidAgain.has(operation)) lost.set(id, view)
  }
  return [...lost.values()]
}

function isErased(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'erased' in value
}
