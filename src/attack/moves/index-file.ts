/** Rows 4, 5, 5a and 31: the index beside the log, which decides nothing. */
import { copyFileSync, existsSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileFilter } from '../../core/filter.ts'
import type { Finding } from '../../core/finding.ts'
import { parseLeaf } from '../../core/leaf.ts'
import { openIndexFile } from '../../index/file.ts'
import { LogIndex } from '../../index/log-index.ts'
import { openSqliteStore } from '../../store/sqlite.ts'
import { type Came, Escape, type Trial } from '../move.ts'
import { type Scene, sampled } from '../scene.ts'

/** What is changed in an index, and the entry about which it then lies; none where it lies about no one entry. */
interface Lie {
  readonly row: string
  readonly move: string
  readonly sql: (scene: Scene) => string
  readonly seq?: (scene: Scene) => number
}

const sample = ({ added }: Scene) => added + sampled

/** Another text of the dictionary, or another code, in the place of this one. */
const columns: readonly [column: string, what: string, other: string][] = [
  ['operation', 'operation', 'term'],
  ['component', 'component', 'term'],
  ['memory', 'memory id', 'term'],
  ['actor', 'actor', 'term'],
  ['principal', 'principal', 'term'],
  ['session', 'session', 'term'],
  ['time', 'time', 'time - 86400000000'],
  ['level', 'security level', '5 - level'],
  ['outcome', 'outcome', 'outcome + 1'],
  ['kind', 'kind', 'kind + 1'],
  ['flags', 'flags', 'NULL'],
]

const lies: readonly Lie[] = [
  ...columns.map(
    ([column, what, other]): Lie => ({
      row: '4',
      move: `edit the ${what} of an entry in the index`,
      seq: sample,
      sql: scene => {
        const value = other === 'term' ? `(SELECT max(id) FROM term WHERE id <> ${column})` : other
        return `UPDATE entry SET ${column} = ${value} WHERE seq = ${sample(scene)}`
      },
    }),
  ),
  {
    row: '4',
    move: 'take entries out of a list of the index',
    sql: () => 'UPDATE list SET bits = 0 WHERE (key, block) = (SELECT max(key), block FROM list)',
  },
  {
    row: '4',
    move: 'put entries into a list of the index',
    sql: () => 'UPDATE list SET bits = ~bits WHERE (key, block) = (SELECT max(key), block FROM list)',
  },
  {
    row: '5',
    move: 'take the row of an entry out of the index',
    seq: sample,
    sql: scene => `DELETE FROM entry WHERE seq = ${sample(scene)}`,
  },
  {
    row: '5',
    move: 'put a row into the index that has no entry',
    seq: ({ size }) => size + 7,
    sql: scene => copyRow(sample(scene), scene.size + 7),
  },
  {
    row: '5',
    move: 'put a row into the index before the first entry',
    seq: () => -1,
    sql: scene => copyRow(sample(scene), -1),
  },
  {
    row: '31',
    move: 'say in the index that an alert is resolved',
    seq: ({ alert }) => alert,
    sql: ({ alert }) =>
      `UPDATE entry SET operation = (SELECT max(id) FROM term WHERE id <> operation) WHERE seq = ${alert}`,
  },
]

function copyRow(from: number, to: number): string {
  return `CREATE TEMP TABLE one AS SELECT * FROM entry WHERE seq = ${from}; UPDATE one SET seq = ${to};
    INSERT INTO entry SELECT * FROM one`
}

/** What is done to the index as a file. It decides nothing: it is built again, and answers as before. */
const losses: readonly [move: string, spoil: (file: string, scene: Scene) => Promise<void> | void][] = [
  ['delete the index', file => rmSync(file)],
  ['empty the index', file => truncateSync(file, 0)],
  ['cut the index short', file => truncateSync(file, 4096 * Math.floor(statSync(file).size / 8192))],
  ['put a text in the place of the index', file => writeFileSync(file, 'no index at all\n')],
  ['put the log in the place of the index', (file, { older }) => copyFileSync(older!, file)],
  ['put the index of another log in its place', putIndexOfOther],
  ['put an older index in its place', putOlderIndex],
]

export const indexMoves: readonly Trial[] = [
  ...lies.map(
    ({ row, move, sql, seq }): Trial => ({
      row,
      move,
      promise: 'index_mismatch',
      run: async scene => {
        const file = await indexOf(scene)
        const db = openIndexFile(file, scene.keys.storage, { mode: 'write' })
        db.exec(sql(scene))
        db.close()
        return await expectLie(file, scene, seq?.(scene))
      },
    }),
  ),
  ...losses.map(
    ([move, spoil]): Trial => ({
      row: '5a',
      move,
      promise: 'built again',
      run: async scene => {
        const file = await indexOf(scene)
        await spoil(file, scene)
        return await expectRight(file, scene)
      },
    }),
  ),
]

/** An index of the copy, in step with it and closed. It is built once. */
async function indexOf(scene: Scene): Promise<string> {
  const [whole, played] = ['whole', 'played'].map(name => join(scene.folder, `${name}.index`)) as [string, string]
  if (!existsSync(whole)) {
    await using index = open(whole, scene)
    await index.catchUp()
  }
  for (const end of ['-wal', '-shm']) rmSync(played + end, { force: true })
  copyFileSync(whole, played)
  return played
}

function open(file: string, { log, keys }: Scene): LogIndex & AsyncDisposable {
  const index = LogIndex.open({ file, key: keys.storage, log, origin: keys.origin })
  return Object.assign(index, { [Symbol.asyncDispose]: async () => index.close() })
}

async function expectLie(file: string, scene: Scene, seq: number | undefined): Promise<Came> {
  await using index = open(file, scene)
  const report = await scene.verify('chained', scene.log, { deep: true, projections: [() => index.check()] })
  const strange = report.findings.find(({ type }) => type !== 'index_mismatch')
  if (strange !== undefined) throw new Escape(`${strange.type}: ${strange.message}`, { falseAlarm: true })
  if (report.findings.length === 0) throw new Escape('index_mismatch was not found')
  if (seq !== undefined && report.firstUntrusted !== seq) {
    throw new Escape(`the entry is ${seq}, and ${report.firstUntrusted ?? 'none'} was named`)
  }
  return { by: 'index_mismatch', trust: 'chained', ...(seq !== undefined && { seq }) }
}

/** The answer to a question must be what the entries say, and nothing be found. */
async function expectRight(file: string, scene: Scene): Promise<Came> {
  await using index = open(file, scene)
  await index.catchUp()
  const operation = 'recall'
  const page = { limit: Number.MAX_SAFE_INTEGER, order: 'asc' } as const
  const answer = await index.findSeqs(compileFilter({ operation }), page)
  const truth: number[] = []
  for await (const some of scene.log.entries(0, scene.size)) {
    for (const { seq, leaf } of some) if (parseLeaf(leaf).leaf?.operation === operation) truth.push(seq)
  }
  if (answer.join() !== truth.join()) throw new Escape(`${answer.length} entries were found of ${truth.length}`)
  const findings: Finding[] = await Array.fromAsync(index.check())
  if (findings[0] !== undefined) throw new Escape(findings[0].message, { falseAlarm: true })
  return { by: 'built again' }
}

async function putIndexOfOther(file: string, { other }: Scene): Promise<void> {
  rmSync(file)
  const log = openSqliteStore({ file: other.file, key: undefined, mode: 'read' })
  const index = LogIndex.open({ file, key: undefined, log, origin: other.logKeys.origin })
  await index.catchUp()
  index.close()
  log.close()
}

async function putOlderIndex(file: string, scene: Scene): Promise<void> {
  rmSync(file)
  const index = open(file, scene)
  await index.catchUp(Math.floor(scene.size / 2))
  index.close()
}
