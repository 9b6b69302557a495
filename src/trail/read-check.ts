/**
 * Reads verify what they return: the bytes of each entry against the hash that the tree keeps of it, its sealed values
 * against their commitments, the row that the index found against what the entry says.
 *
 * A healthy entry costs a few hashes. One that is not goes through the check of a single entry, which knows what was let
 * go on record and says what is wrong; the answer is the same either way.
 */
import { toHex } from '../core/bytes.ts'
import { type Finding, finding } from '../core/finding.ts'
import { hashLength } from '../core/hash.ts'
import { commitment, parseContent, preimageName } from '../core/sealed.ts'
import { tileWidth } from '../core/tile.ts'
import { type EntryView, identitiesOf, openEntry } from '../core/view.ts'
import type { EntryRow, LogIndex } from '../index/log-index.ts'
import type { LogReader, StoredEntry } from '../store/store.ts'
import type { TileSource } from '../store/tiles.ts'
import { Declared } from '../verify/declared.ts'
import type { EntrySource } from '../verify/entry-check.ts'

/** An entry as it was read. */
export interface ReadEntry {
  readonly stored: StoredEntry
  readonly view: EntryView
}

export interface ReadCheckOptions {
  readonly log: LogReader
  /** The tiles of the log, full ones kept. */
  readonly tiles: TileSource
  readonly index: Pick<LogIndex, 'rows'>
  readonly entries: EntrySource
  readonly onFinding: (finding: Finding) => void
}

export class ReadCheck {
  readonly #options: ReadCheckOptions
  #declared = new Declared()

  constructor(options: ReadCheckOptions) {
    this.#options = options
  }

  /**
   * Checks entries that are about to be returned, and tells what is wrong with them.
   *
   * @param size as of which size of the log the index found them; without, they were not found by it
   */
  async check(entries: readonly ReadEntry[], size: number | undefined): Promise<void> {
    const seqs = size === undefined ? [] : entries.map(({ view }) => view.seq)
    const rows = new Map((await this.#options.index.rows(seqs, size)).map(row => [row.seq, row]))
    for (const { stored, view } of entries) {
      const { seq } = view
      const isSound = (await this.#isKept(view)) && (await this.#areOpened(stored, view))
      if (!isSound) await this.suspect(seq)
      const row = rows.get(seq)
      const isAsFound = size === undefined || (row !== undefined && isSame(row, view))
      if (!isAsFound) await this.#compareAgain(seq)
    }
  }

  /** Has an entry checked for itself: one that looks wrong, or that the index knows and the log does not give. */
  async suspect(seq: number): Promise<void> {
    const { findings } = await this.#options.entries.checkEntry(seq)
    for (const found of findings) this.#options.onFinding(found)
  }

  async #isKept({ seq, entryHash }: EntryView): Promise<boolean> {
    const place = seq % tileWidth
    const tile = await this.#options.tiles.tile(0, Math.floor(seq / tileWidth), place + 1)
    const at = place * hashLength
    return tile !== undefined && toHex(tile.subarray(at, at + hashLength)) === entryHash
  }

  async #areOpened({ seq, content }: StoredEntry, { sealed = {} }: EntryView): Promise<boolean> {
    const names = Object.keys(sealed)
    if (content.length === 0) return names.length === 0 || (await this.#isDeclared(seq))
    try {
      const preimages = parseContent(content)
      const opened = new Set(preimages.map(preimageName))
      return (
        preimages.length === names.length &&
        names.every(name => opened.has(name)) &&
        preimages.every(preimage => sealed[preimageName(preimage)!] === commitment(preimage))
      )
    } catch {
      return false
    }
  }

  /** Whether the log says that content is gone: what is known of it is only read anew when it does not say so. */
  async #isDeclared(seq: number): Promise<boolean> {
    if (this.#declared.hasContentGone(seq)) return true
    const { log } = this.#options
    const head = await log.head()
    if (head !== undefined) this.#declared = await Declared.read(log, head)
    return this.#declared.hasContentGone(seq)
  }

  /** The entry may have been let go of between the two: they are compared as they are while the log stands still. */
  async #compareAgain(seq: number): Promise<void> {
    const { log, index, onFinding } = this.#options
    for (let tries = 0; tries < 3; tries++) {
      const before = (await log.head())?.size
      const [row] = await index.rows([seq], before)
      let view: EntryView | undefined
      for await (const some of log.entries(seq, seq + 1)) for (const stored of some) view = openEntry(stored).view
      if ((await log.head())?.size !== before) continue
      if (view === undefined || (row !== undefined && isSame(row, view))) return
      const message = `the index says of entry ${seq} what the entry does not`
      onFinding(finding('index_mismatch', message, { seq, id: view.id }))
      return
    }
  }
}

/** Whether the index says of an entry what the entry says. */
function isSame(row: EntryRow, view: EntryView): boolean {
  const isText = (value: unknown) => (typeof value === 'string' ? value : undefined)
  return (
    row.time === view.time &&
    row.kind === view.kind &&
    row.operation === view.operation &&
    row.component === view.component &&
    row.outcome === view.outcome &&
    row.securityLevel === view.securityLevel &&
    row.memoryId === isText(view.memoryId) &&
    row.session === isText(view.session) &&
    areSame(row.complianceFlags, [...new Set(view.complianceFlags)]) &&
    areSame(identityTexts(row.actor), identityTexts(view.actor))
  )
}

function areSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i])
}

function identityTexts(actor: unknown): string[] {
  return identitiesOf(actor).map(({ type, id }) => `${type}\0${id}`)
}
