/**
 * The answers of a log to a check. Who keeps a log may answer what they like: more than was asked for, without end, at
 * places that there are not. What a check holds in memory, and how long it listens, is decided here and not there.
 */
import { AuditError } from '../core/errors.ts'
import type { Head, LogReader, StoredEntry } from '../store/store.ts'

type Answer<T> = AsyncIterable<T> | Iterable<T>

/**
 * The head; a log in which nothing was ever committed has the size 0.
 *
 * @throws AuditError `bad_format` when it has no size that a log can have
 */
export async function headOf(log: Pick<LogReader, 'head'>): Promise<Head> {
  const head = (await log.head()) ?? { size: 0, root: new Uint8Array(0) }
  if (Number.isSafeInteger(head.size) && head.size >= 0) return head
  throw new AuditError('bad_format', 'the log is damaged: its head has no size')
}

/** An answer, as far as it can be listened to. */
export async function* upTo<T>(most: number, answer: Answer<T>): AsyncGenerator<T> {
  let left = most
  for await (const part of answer) {
    if (left-- <= 0) return
    yield part
  }
}

/**
 * The entries that are given for `from ≤ seq < to`, as they come. A few more than there are places for are taken, so that
 * it shows; the rest is not listened to.
 */
export async function entriesIn(
  log: Pick<LogReader, 'entries'>,
  from: number,
  to: number,
): Promise<readonly StoredEntry[]> {
  const most = 4 * (to - from)
  const entries: StoredEntry[] = []
  for await (const some of upTo(most, log.entries(from, to))) {
    for (const entry of some) {
      if (entries.length > most) return entries
      entries.push(entry)
    }
  }
  return entries
}
