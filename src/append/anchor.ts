/** An anchor remembers the last signed checkpoint outside the log's file, so that a log cut short is noticed. */

import { peekCheckpoint } from '../core/checkpoint.ts'
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
    if (known !== undefined && (peekCheckpoint(known)?.size ?? 0) > (peekCheckpoint(note)?.size ?? 0)) return
    writePrivateFile(this.file, note)
  }
}
