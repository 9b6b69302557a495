/**
 * Rows and values in the file of a log that no commit of this software leaves behind, and that nothing reads: whoever put
 * them there may mean to be read by what comes later, or to stand in its way.
 */
import type { Connection } from './sqlite-file.ts'

/** Rows that should not be there, by table, for a log of `:size` entries of which those below `:blocked` are in blocks. */
const strayRows: readonly (readonly [table: string, key: string, where: string])[] = [
  ['head', 'one', "one <> 1 OR typeof(root) <> 'blob' OR frozen NOT IN (0, 1) OR typeof(frozen) <> 'integer'"],
  // Entry 0 stays behind, with its hash, when the leaves around it go.
  [
    'tail',
    'seq',
    `seq < 0 OR (seq < :blocked AND (seq > 0 OR EXISTS (SELECT 1 FROM leaves WHERE first = 0)
      OR hash IS NOT (SELECT substr(hashes, 1, 32) FROM tile WHERE level = 0 AND n = 0)))`,
  ],
  [
    'tail',
    'seq',
    "typeof(hash) <> 'blob' OR length(hash) <> 32 OR typeof(leaf) <> 'blob' OR typeof(content) <> 'blob'",
  ],
  ['leaves', 'first', "first < 0 OR first >= :blocked OR first % 32 <> 0 OR typeof(data) <> 'blob'"],
  ['content', 'first', "first NOT IN (SELECT first FROM leaves) OR typeof(data) <> 'blob'"],
  [
    'tile',
    "level || '/' || n",
    `level < 0 OR level > 6 OR n < 0 OR typeof(hashes) <> 'blob' OR length(hashes) <> 32 * min(256,
      (:size >> (8 * level)) - 256 * n) OR (level = 0 AND n >= :blocked / 256)`,
  ],
  ['seal', 'size', "size < 1 OR typeof(epoch) <> 'integer' OR typeof(mac) <> 'blob'"],
  ['checkpoint', 'size', "size < 1 OR typeof(note) <> 'text'"],
  ['declared', 'seq', 'seq < 0 OR seq >= :size'],
  [
    'schema_step',
    'version',
    `version < 2 OR version > (SELECT user_version FROM pragma_user_version)
      OR NOT (entry IS NULL OR (typeof(entry) = 'integer' AND entry > 0 AND entry < :size))`,
  ],
]

/** As many of one kind are named. */
const mostNamed = 10

/** @returns a sentence for each, or for the first of many; nothing for a log to which nothing was ever committed */
export function straysIn(db: Connection): string[] {
  const size = db.prepare('SELECT size FROM head WHERE one = 1').pluck().get()
  if (typeof size !== 'number') return []
  const bound = { size, blocked: size - (size % 256) }
  return strayRows.flatMap(([table, key, where]) => {
    const rows = db.prepare(`SELECT ${key} FROM ${table} WHERE ${where} LIMIT ${mostNamed}`).pluck()
    return rows.all(bound).map(found => `the row ${found} of the table ${table} is part of no log`)
  })
}
