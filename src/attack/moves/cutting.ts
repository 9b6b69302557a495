/** Rows 18 and 19: the end of the log, and all of it. Files that go as a whole are in `files.ts`. */
import type { LogMove } from '../move.ts'
import type { Scene } from '../scene.ts'

const counts: [string, (scene: Scene) => number][] = [
  ['the newest entry', () => 1],
  ['the newest 10 entries', () => 10],
  [
    'the newest 1000 entries, or half of a shorter log,',
    ({ size, from }) => Math.min(1000, Math.floor((size - from) / 2)),
  ],
]

export const cuttingMoves: readonly LogMove[] = [
  ...counts.map(
    ([what, count]): LogMove => ({
      row: '18',
      move: `delete ${what} and all that mentions them`,
      found: ['rollback'],
      from: 'anchored',
      play: (file, scene) => file.cut(scene.size - count(scene)),
    }),
  ),
  {
    row: '18',
    move: 'delete the newest entries, but not the checkpoint over them',
    found: ['rollback'],
    from: 'signed',
    play(file, { size }) {
      file.rewrite(size, size - 5)
      file.db.exec(`DELETE FROM seal WHERE size > ${size - 5}`)
    },
  },
  {
    row: '18',
    move: 'delete what came after the last checkpoint that anybody remembers',
    found: [],
    from: 'anchored',
    why: 'what no checkpoint covers yet, nothing outside knows of: sign more often, or after what matters (checkpoint --sign)',
    play(file, { earlier }) {
      file.cut(earlier.size)
      file.db.prepare('INSERT OR REPLACE INTO checkpoint VALUES (?, ?)').run(earlier.size, earlier.note)
    },
    anchor: (_, { earlier }) => earlier.note,
  },
  {
    row: '19',
    move: 'empty the log',
    found: ['rollback'],
    from: 'anchored',
    play(file) {
      for (const table of ['head', 'tail', 'leaves', 'content', 'tile', 'seal', 'checkpoint']) {
        file.db.exec(`DELETE FROM ${table}`)
      }
    },
  },
]
