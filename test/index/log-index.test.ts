import { copyFileSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { describe, expect, test } from 'vitest'
import { compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import { type Listed, listed } from '../../src/index/lists.ts'
import { LogIndex } from '../../src/index/log-index.ts'
import { listNames, listSql, sql } from '../../src/index/schema.ts'
import { MemoryStore } from '../../src/store/memory.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import type { Store } from '../../src/store/store.ts'
import { LogBuilder, newKeys, type TestEntry, temporaryFolder } from '../trail/build-log.ts'

const entry = (i: number): TestEntry => ({
  input: {
    operation: ['remember', 'recall', 'forget'][i % 3]!,
    component: 'store',
    memoryId: `m${i % 50}`,
    session: `s${i % 7}`,
    outcome: i % 10 === 0 ? 'failure' : 'success',
    securityLevel: i % 25 === 0 ? 'secret' : 'internal',
    complianceFlags: i % 4 === 0 ? ['audit_required', 'gdpr'] : ['audit_required'],
    actor: { type: 'agent', id: 'claude', ...(i % 2 === 0 ? { onBehalfOf: { type: 'user', id: `u${i % 11}` } } : {}) },
  },
  idAge: i % 20 === 0 ? 5_000_000 : 0,
})
const entries = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => entry(from + i))

async function newLog({ size = 600, encrypted = false, origin = 'test.example/log' } = {}) {
  const folder = temporaryFolder()
  const keys = newKeys(join(folder, 'keys'), encrypted ? 'sqlcipher' : 'none', origin)
  const store: Store = encrypted
    ? openSqliteStore({ file: join(folder, 'audit.db'), key: keys.storage, mode: 'create' })
    : new MemoryStore()
  const builder = new LogBuilder(store, keys)
  const receipts = await builder.append(entries(0, size))
  const file = join(folder, 'audit.db.index')
  const notices: string[] = []
  const open = (log: Pick<Store, 'head' | 'entries'> = store) =>
    LogIndex.open({ file, key: keys.storage, log, origin: keys.origin, onRebuild: reason => notices.push(reason) })
  return { folder, keys, store, builder, receipts, file, notices, open }
}

const questions: EntryFilter[] = [
  {},
  { operation: 'recall' },
  { actor: 'u4', outcome: 'success' },
  { flag: 'gdpr', memoryId: ['m1', 'm4'] },
  { securityLevel: 'secret' },
  { session: 's3', outcome: 'failure' },
]

async function answers(index: LogIndex): Promise<number[][]> {
  const out: number[][] = []
  for (const filter of questions) {
    out.push((await index.find(compileFilter(filter), { limit: Infinity, order: 'desc' })).map(({ seq }) => seq))
  }
  out.push(index.openIntents().map(({ seq }) => seq))
  return out
}

async function findings(index: LogIndex) {
  const found = []
  for await (const finding of index.check()) found.push(finding)
  return found
}

describe.each([true, false])('an index that cannot be relied on (encrypted: %s)', encrypted => {
  test.each<[string, (file: string) => void | Promise<void>]>([
    ['was deleted', file => rmSync(file)],
    ['was emptied', file => truncateSync(file, 0)],
    ['was cut in the middle', file => truncateSync(file, 5 * 4096)],
    ['was cut within a page', file => truncateSync(file, 3 * 4096 + 100)],
    ['is garbage', file => writeFileSync(file, Buffer.alloc(20_000, 'garbage'))],
    ['is a text', file => writeFileSync(file, 'hello')],
    ['was written over in the middle', file => overwrite(file)],
    ['is a plain database of someone else', file => strangersDatabase(file)],
    ['is of another log', async file => copyFileSync(await otherIndex({ encrypted }), file)],
  ])('%s: it is built again, with the same answers', async (_, spoil) => {
    const { file, open, notices } = await newLog({ encrypted, size: 300 })
    const index = open()
    const expected = await answers(index)
    index.close()
    notices.length = 0
    await spoil(file)
    const again = open()
    expect(await answers(again)).toEqual(expected)
    expect(await findings(again)).toEqual([])
    expect(notices).toHaveLength(1)
    again.close()
  })
})

function overwrite(file: string): void {
  const bytes = readFileSync(file)
  for (let page = 2; page < bytes.length / 4096; page++) bytes.fill(0x5a, page * 4096, page * 4096 + 4000)
  writeFileSync(file, bytes)
}

function strangersDatabase(file: string): void {
  rmSync(file)
  const db = new Database(file)
  db.exec('CREATE TABLE t (x)')
  db.close()
}

async function otherIndex({ encrypted }: { encrypted: boolean }): Promise<string> {
  const other = await newLog({ encrypted, origin: 'test.example/other' })
  const index = other.open()
  await index.catchUp()
  index.close()
  return other.file
}

test('an index of a log with the same name and another history is built again', async () => {
  const a = await newLog({ size: 100 })
  const b = await newLog({ size: 100 })
  const first = a.open()
  await first.catchUp()
  first.close()
  a.notices.length = 0
  const index = a.open(b.store)
  await index.catchUp()
  expect(a.notices).toEqual(['its newest entry, 99, is not the one in the log'])
  expect(await findings(index)).toEqual([])
  index.close()
})

test('an index that knows more than the log is built again, also while it is open', async () => {
  const { store, builder, open, notices } = await newLog({ size: 300 })
  let shown = Infinity
  const log = {
    head: async () => {
      const head = (await store.head())!
      return { ...head, size: Math.min(head.size, shown) }
    },
    entries: (from: number, to: number) => store.entries(from, Math.min(to, shown)),
  }
  const index = open(log)
  await answers(index)
  notices.length = 0
  shown = 200
  expect((await answers(index))[0]).toHaveLength(200)
  expect(notices).toEqual(['it knows 300 entries, and the log has 200'])
  shown = Infinity
  await builder.append(entries(300, 310))
  expect((await answers(index))[0]).toHaveLength(310)
  expect(await findings(index)).toEqual([])
  index.close()
})

test('an older copy of the index goes on from where it is', async () => {
  const { builder, file, open, notices } = await newLog({ size: 300, encrypted: true })
  const first = open()
  await first.catchUp()
  first.close()
  copyFileSync(file, `${file}.old`)
  await builder.append(entries(300, 900))
  const second = open()
  const expected = await answers(second)
  second.close()
  copyFileSync(`${file}.old`, file)
  notices.length = 0
  const third = open()
  expect(await answers(third)).toEqual(expected)
  expect(await findings(third)).toEqual([])
  expect(notices).toEqual([])
  third.close()
})

test('an index deleted or thrown away by another process is answered for all the same', async () => {
  const { builder, file, open } = await newLog({ size: 300 })
  const one = open()
  const expected = await answers(one)
  for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
  const two = open()
  expect(await answers(two)).toEqual(expected)
  expect(await answers(one)).toEqual(expected)
  expect(await findings(one)).toEqual([])
  // What the dictionary's numbers stood for is another matter after a rebuild.
  two.close()
  const db = new Database(file)
  db.exec("UPDATE meta SET origin = 'x'")
  db.close()
  const three = open()
  const four = open()
  await answers(four)
  await builder.append(entries(300, 400))
  expect(await answers(three)).toEqual(await answers(four))
  expect(await findings(three)).toEqual([])
  for (const index of [one, three, four]) index.close()
})

test('two connections that catch up at the same time write each entry once', async () => {
  const { builder, open } = await newLog({ size: 5000, encrypted: true })
  const [one, two] = [open(), open()]
  const adding = builder.append(entries(5000, 7000))
  await Promise.all([one.catchUp(), two.catchUp(), one.catchUp(), adding])
  await Promise.all([one.catchUp(), two.catchUp()])
  expect([one.size, two.size]).toEqual([7000, 7000])
  expect(await answers(one)).toEqual(await answers(two))
  expect(await findings(one)).toEqual([])
  one.close()
  two.close()
})

test('an entry is found by its id, also by one that carries another millisecond', async () => {
  const { receipts, open } = await newLog({ size: 300 })
  const index = open()
  for (const { id, seq } of receipts) expect(await index.seqOf(id)).toBe(seq)
  expect(await index.seqOf('0199a3c1-7f00-7abc-8def-0123456789ab')).toBeUndefined()
  expect(await index.seqOf(receipts[3]!.id.replace(/.$/, 'x'))).toBeUndefined()
  index.close()
})

test('an intent is open until a later outcome names it, in the same batch or in another', async () => {
  const { builder, open } = await newLog({ size: 1 })
  const index = open()
  const act = (more: object): TestEntry => ({ input: { operation: 'act', component: 'c', ...more } })
  const intents = await builder.append(Array.from({ length: 5 }, () => act({ kind: 'intent' })))
  const close = (i: number) => act({ kind: 'outcome', intent: intents[i]!.id })
  await builder.append([close(1)])
  await index.catchUp()
  expect(index.openIntents().map(({ seq, id }) => [seq, id])).toEqual(
    [0, 2, 3, 4].map(i => [intents[i]!.seq, intents[i]!.id]),
  )
  await builder.append([close(0), close(4), close(4), close(1)])
  await index.catchUp()
  expect(index.openIntents().map(({ seq }) => seq)).toEqual([3, 4])
  expect(index.openIntents()[0]).toMatchObject({ operation: 'act', component: 'c', kind: 'intent' })
  expect(await findings(index)).toEqual([])
  index.close()
})

test('a log whose times run backwards, or whose entries are damaged or missing, is answered from the entries', async () => {
  const { store, open } = await newLog({ size: 300 })
  const filter = compileFilter({ since: '2026-11-23T14:00:00.1Z', until: '2026-11-23T14:00:00.2Z' })
  const damaged = {
    head: () => store.head(),
    async *entries(from: number, to: number) {
      for await (const some of store.entries(from, to)) {
        yield some.flatMap(stored => {
          const text = Buffer.from(stored.leaf).toString()
          if (stored.seq === 100) return [{ ...stored, leaf: Buffer.from('{}') }]
          if (stored.seq === 90) return []
          if (stored.seq !== 200) return [stored]
          return [
            { ...stored, leaf: Buffer.from(text.replace(/"time":"[^"]*"/, '"time":"2026-11-23T14:00:00.150000Z"')) },
          ]
        })
      }
    },
  }
  const index = open(damaged)
  const found = await index.find(filter, { limit: Infinity, order: 'asc' })
  expect(found.map(({ seq }) => seq)).toEqual(
    [...Array.from({ length: 67 }, (_, i) => 66 + i), 200].filter(seq => seq !== 90 && seq !== 100),
  )
  expect(await findings(index)).toEqual([])
  index.close()
})

describe('a change in the index file is found, and nothing else is said', () => {
  const id = (text: string) => `(SELECT id FROM term WHERE text = '${text}')`
  const bits = (name: Listed, text: string, seq: number, change: string) =>
    `UPDATE list SET bits = bits ${change} WHERE key = ${id(text)} * 8 + ${listed.indexOf(name)} AND block = ${seq >> 5}`
  /** Every fourth entry has the flag, and it cannot be found in the dictionary any more. */
  const gdpr = [...Array.from({ length: 150 }, (_, i) => 4 * i), undefined]
  test.each<[string, string, readonly (number | undefined)[]]>([
    ['nothing', 'SELECT 1', []],
    ['the operation of a row', `UPDATE entry SET operation = ${id('forget')} WHERE seq = 31`, [31]],
    ['the component of a row', 'UPDATE entry SET component = NULL WHERE seq = 31', [31]],
    ['the memory id of a row', `UPDATE entry SET memory = ${id('m2')} WHERE seq = 31`, [31]],
    ['the actor of a row', `UPDATE entry SET actor = ${id('["user","u4"]')} WHERE seq = 31`, [31]],
    ['the principal of a row', 'UPDATE entry SET principal = NULL WHERE seq = 30', [30]],
    ['the session of a row', 'UPDATE entry SET session = NULL WHERE seq = 31', [31]],
    ['the time of a row', 'UPDATE entry SET time = time + 1 WHERE seq = 31', [31]],
    ['the level of a row', 'UPDATE entry SET level = 4 WHERE seq = 31', [31]],
    ['the outcome of a row', 'UPDATE entry SET outcome = 1 WHERE seq = 30', [30]],
    ['the kind of a row', 'UPDATE entry SET kind = 4 WHERE seq = 30', [30]],
    ['a row too few', 'DELETE FROM entry WHERE seq = 31', [31]],
    ['the last row', 'DELETE FROM entry WHERE seq = 599', [599, undefined]],
    [
      'a row too many',
      'INSERT INTO entry SELECT 600, time, kind, outcome, level, operation, component, actor, principal, memory, session, flags FROM entry WHERE seq = 5',
      [600],
    ],
    [
      'a row below zero',
      'INSERT INTO entry SELECT -1, time, kind, outcome, level, operation, component, actor, principal, memory, session, flags FROM entry WHERE seq = 5',
      [-1],
    ],
    ['a flag too few', bits('flag', 'gdpr', 8, '& ~(1 << 8)'), [8]],
    ['a flag too many', bits('flag', 'gdpr', 9, '| (1 << 9)'), [9]],
    ['a flag moved', bits('flag', 'gdpr', 8, '& ~(1 << 8) | (1 << 9)'), [8]],
    ['an actor too few', bits('who', '["user","u4"]', 4, '& ~(1 << 4)'), [4]],
    ['an actor too many', bits('who', '["user","u4"]', 5, '| (1 << 5)'), [5]],
    ['an operation too many', bits('operation', 'recall', 599, '| (1 << 21)'), [597]],
    ['a component too few', bits('component', 'store', 599, '& ~(1 << 23)'), [599]],
    ['a list of a kind that there is not', 'INSERT INTO list VALUES (15, 0, 1)', [undefined]],
    ['a list with no entry', 'INSERT INTO list VALUES (8, 0, 0)', [undefined]],
    ['a list beyond the end', `INSERT INTO list VALUES (${id('gdpr')} * 8 + 3, 1000, 1)`, [32_000]],
    ['an odd id too few', 'DELETE FROM odd_id WHERE seq = 20', [20]],
    ['an odd id too many', "INSERT INTO odd_id VALUES (x'00', 21)", [21]],
    ['an intent that is none', "INSERT INTO open_intent VALUES (x'00', 21)", [21]],
    ['a term that only one entry uses', "UPDATE term SET text = 'm99' WHERE text = 'm599'", [599, undefined]],
    ['the hash of a term', `UPDATE term SET hash = 1 WHERE text = 'gdpr'`, gdpr],
    ['a term twice', "INSERT INTO term SELECT 9999, hash, text FROM term WHERE text = 'gdpr'", [undefined]],
    ['a term that no entry has', "INSERT INTO term VALUES (9999, 0, 'left behind')", [undefined]],
    [
      'someone found by the id of another',
      `INSERT INTO identity VALUES (${id('u4')}, ${id('["user","u5"]')})`,
      [undefined],
    ],
    ['someone found who has no entry', `INSERT INTO identity VALUES (${id('u4')}, ${id('m2')})`, [undefined]],
    ['the flags of a row', 'UPDATE entry SET flags = NULL WHERE seq = 31', [31]],
    ['flags that no entry has', `INSERT INTO flag_set VALUES (9999, '["x"]')`, [undefined]],
    ['what a block of texts may hold', 'UPDATE text_block SET bits = zeroblob(length(bits)) WHERE block = 1', [32]],
    ['a block of texts too few', 'DELETE FROM text_block WHERE block = 1', [32]],
    ['a block of texts too many', "INSERT INTO text_block VALUES (18, x'00000000')", [576]],
    ['a block of texts beyond the end', "INSERT INTO text_block VALUES (100, x'00000000')", [3200]],
    ['the greatest time', 'UPDATE meta SET time = 1', [undefined]],
  ])('%s', async (_, change, seqs) => {
    const { builder, file, open } = await newLog({ size: 599 })
    await builder.append([{ input: { operation: 'recall', component: 'store', memoryId: 'm599' } }])
    const first = open()
    await first.catchUp()
    first.close()
    const db = new Database(file)
    db.exec(change)
    db.close()
    const index = open()
    const found = await findings(index)
    expect([...new Set(found.map(({ seq }) => seq))]).toEqual(seqs)
    for (const finding of found) expect(finding).toMatchObject({ type: 'index_mismatch', severity: 'high' })
    index.close()
  })

  test('an index without its secondary index, or with a trigger, is not believed', async () => {
    for (const change of [
      'DROP INDEX entry_memory',
      'CREATE TRIGGER t AFTER INSERT ON entry BEGIN DELETE FROM flag; END',
    ]) {
      const { file, open, notices } = await newLog({ size: 60 })
      const first = open()
      const expected = await answers(first)
      first.close()
      const db = new Database(file)
      db.exec(change)
      db.close()
      notices.length = 0
      const index = open()
      expect(await answers(index)).toEqual(expected)
      expect(notices).toHaveLength(1)
      index.close()
    }
  })
})

test('every question uses an index, and none sorts or reads a whole table', async () => {
  const { file, open } = await newLog({ size: 60 })
  const index = open()
  await index.catchUp()
  index.close()
  const db = new Database(file)
  const plan = (text: string) => {
    const values = Array(text.split('?').length - 1).fill(1)
    return (db.prepare(`EXPLAIN QUERY PLAN ${text}`).all(...values) as { detail: string }[]).map(({ detail }) => detail)
  }
  for (const name of listNames) {
    for (const order of ['asc', 'desc'] as const) {
      const steps = plan(listSql(name, order))
      expect(steps).toHaveLength(1)
      expect(steps[0]).toMatch(
        /^SEARCH \w+ USING (COVERING INDEX entry_\w+|PRIMARY KEY) \(\w+=\? AND (rowid|seq)>\? AND (rowid|seq)<\?\)$/,
      )
    }
  }
  for (const name of ['term', 'text', 'row', 'rowsUp', 'rowsDown', 'timeFrom', 'whoWithId', 'oddIds'] as const) {
    expect(plan(sql[name]).join()).toMatch(/^SEARCH [^,]*$/)
  }
  db.close()
})

test('the file stands there whole or not at all', async () => {
  const { file, open } = await newLog({ size: 10 })
  const many = Array.from({ length: 5 }, () => open())
  await Promise.all(many.map(index => index.catchUp()))
  for (const index of many) index.close()
  expect(existsSync(file)).toBe(true)
  expect(existsSync(`${file}-wal`)).toBe(false)
})
