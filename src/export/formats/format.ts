/** One way to write entries down as text, oldest first. */
import type { EntryView } from '../../core/view.ts'

/** What a whole text says of itself at its end. */
export interface Written {
  /** How many entries stand in it. */
  readonly entries: number
  /** RFC 3339 UTC. */
  readonly exportedAt: string
}

/** Every part of it is a function of what it is given, so that any number of entries can be written in little memory. */
export interface TextFormat {
  /** Stands before the entries. */
  readonly head?: string
  entry(entry: EntryView): string
  /** Stands between two entries. */
  readonly between?: string
  /** Stands behind the entries. */
  foot?(written: Written): string
}
