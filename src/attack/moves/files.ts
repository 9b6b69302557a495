/** Rows 19, 20 and 37: the file as a whole. */
import { copyFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import type { FindingType } from '../../core/finding.ts'
import { openLogFile } from '../../store/sqlite.ts'
import { findIn } from '../judge.ts'
import type { Label, Trial } from '../move.ts'
import type { LogPlace } from '../sample-log.ts'
import type { Scene } from '../scene.ts'

interface OnFile {
  readonly row: string
  readonly move: string
  readonly found: readonly FindingType[]
  readonly from: Label
  readonly on?: 'samples'
  spoil(file: string, scene: Scene): void
}

const onFiles: readonly OnFile[] = [
  {
    row: '19',
    move: 'delete the file',
    found: ['rollback'],
    from: 'anchored',
    spoil: file => rmSync(file),
  },
  {
    row: '19',
    move: 'empty the file',
    found: ['rollback'],
    from: 'anchored',
    spoil: file => truncateSync(file, 0),
  },
  {
    row: '19',
    move: 'cut the file short, between two pages',
    found: ['rollback', 'foreign_entry', 'missing_entry'],
    from: 'anchored',
    spoil: file => truncateSync(file, 4096 * Math.floor(statSync(file).size / 8192)),
  },
  {
    row: '19',
    move: 'cut the file short, within a page',
    found: ['rollback', 'foreign_entry', 'missing_entry'],
    from: 'anchored',
    spoil: file => truncateSync(file, statSync(file).size - 1000),
  },
  {
    row: '19',
    move: 'put a fresh log of the same name in its place',
    found: ['foreign_entry', 'signature_invalid'],
    from: 'anchored',
    spoil: (file, { other }) => copyFileSync(other.file, file),
  },
  {
    row: '19',
    move: 'put something else in its place',
    found: ['foreign_entry', 'rollback'],
    from: 'anchored',
    spoil: file => writeFileSync(file, 'nothing was ever written here\n'),
  },
  {
    row: '20',
    move: 'put an older, genuine copy in its place',
    found: ['rollback'],
    from: 'anchored',
    spoil: (file, { older }) => copyFileSync(older!, file),
  },
  {
    row: '37',
    move: 'put a copy in its place that is not encrypted',
    found: ['foreign_entry'],
    from: 'signed',
    on: 'samples',
    spoil(file, { keys }) {
      const db = openLogFile({ file, key: keys.storage, mode: 'write' })
      db.pragma('journal_mode=DELETE')
      db.pragma("rekey=''")
      db.close()
    },
  },
]

export const fileMoves: readonly Trial[] = onFiles.map(({ row, move, found, from, on, spoil }) => ({
  row,
  move,
  promise: found.join(' or '),
  ...(on && { on }),
  run(scene) {
    const place = scene.copy('file')
    settle(place, scene)
    spoil(place.file, scene)
    return findIn(scene, place, found, from)
  },
}))

/** Moves what stands in the write-ahead log into the file, which is then all there is. */
function settle({ file }: LogPlace, { keys }: Scene): void {
  const db = openLogFile({ file, key: keys.storage, mode: 'write' })
  db.pragma('wal_checkpoint(TRUNCATE)')
  db.close()
}
