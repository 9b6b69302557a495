/** An anchor remembers the last signed checkpoint outside the log's file, so that a log cut short is noticed. */

import { rmSync } from 'node:fs'
import { equal, utf8 } from '../core/bytes.ts'
import { peekCheckpoint } from '../core/checkpoint.ts'
import { sha256Hex } from '../core/primitives.ts'
import { rootAt } from '../core/tree.ts'
import type { LogReader } from '../store/store.ts'
import { readTiles } from '../store/tiles.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

export interface Anchor {
  /** The signed note that was remembered last, if any was. */
  read(): string | undefined
  /** Remembers a checkpoint. One that is older than what is remembered changes nothing. */
  write(note: string): void
  /** What a restore is about to remember, if one was begun and not ended. */
  readNext?(): string | undefined
  /** Remembers what the restore was about to: it may be of fewer entries. */
  takeNext?(): void
}

/** The default anchor: a file beside the keys. */
export class FileAnchor implements Anchor {
  readonly file: string
  /** What a restore is about to remember, and in the place of what. */
  readonly #nextFile: string

  constructor(file: string) {
    this.file = file
    this.#nextFile = `${file}.next`
  }

  read(): string | undefined {
    return readPrivateFile(this.file)
  }

  write(note: string): void {
    const known = this.read()
    if (known !== undefined && (peekCheckpoint(known)?.size ?? 0) > (peekCheckpoint(note)?.size ?? 0)) return
    writePrivateFile(this.file, note)
  }

  /** Says what shall be remembered as soon as the log is the one that was restored. Durable when it returns. */
  writeNext(note: string): void {
    writePrivateFile(this.#nextFile, `${this.#replaces()}\n${note}`)
  }

  /** `undefined` too when the anchor has moved on since: then nothing came of that restore. */
  readNext(): string | undefined {
    const text = readPrivateFile(this.#nextFile)
    const replaces = `${this.#replaces()}\n`
    return text?.startsWith(replaces) ? text.slice(replaces.length) : undefined
  }

  takeNext(): void {
    const note = this.readNext()
    if (note !== undefined) writePrivateFile(this.file, note)
    rmSync(this.#nextFile, { force: true })
  }

  #replaces(): string {
    return sha256Hex(utf8(this.read() ?? ''))
  }
}

/**
 * The note that a log is held against. When it is the log that a restore was about to put there, and was cut off behind
 * the moment at which it was there, that is what the restore was about to remember.
 */
export async function rememberedOf(log: Pick<LogReader, 'head' | 'tile'>, anchor: Anchor): Promise<string | undefined> {
  const next = anchor.readNext?.()
  return next !== undefined && (await isOf(log, next)) ? next : anchor.read()
}

async function isOf(log: Pick<LogReader, 'head' | 'tile'>, note: string): Promise<boolean> {
  const signed = peekCheckpoint(note)
  const head = await log.head()
  if (signed === undefined || head === undefined || head.size < signed.size) return false
  try {
    return equal(rootAt(signed.size, await readTiles(log, signed.size)), signed.root)
  } catch {
    return false
  }
}
