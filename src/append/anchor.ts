/** An anchor remembers the last signed checkpoint outside the log's file, so that a log cut short is noticed. */

import { parseCheckpoint } from '../core/checkpoint.ts'
import { AuditError } from '../core/errors.ts'
import { parseNote } from '../core/note.ts'
import { readPrivateFile, writePrivateFile } from './private-file.ts'

export interface Anchor {
  /** The signed note that was remembered last, if any was. */
  read(): string | undefined
  /** Remembers a checkpoint. One that is older than what is remembered changes nothing. */
  write(note: string): void
}

/** The default anchor: a file beside the keys. */
export class FileAnchor implements Anchor {
  readonly file: string

  constructor(file: string) {
    this.file = file
  }

  read(): string | undefined {
    return readPrivateFile(this.file)
  }

  write(note: string): void {
    const known = this.read()
    if (known !== undefined && sizeOf(known) > sizeOf(note)) return
    writePrivateFile(this.file, note)
  }
}

/**
 * The tree size in a checkpoint, signatures aside.
 *
 * @throws AuditError `bad_format`
 */
function sizeOf(note: string): number {
  try {
    return parseCheckpoint(parseNote(note).text).size
  } catch (error) {
    throw new AuditError('bad_format', 'the anchor is not a checkpoint', { cause: error })
  }
}
