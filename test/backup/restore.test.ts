/** Restores on every kind of log; `recordEvidence('restore', …)` says how many, and at how many calls one was killed. */
import { spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { FileAnchor } from '../../src/append/anchor.ts'
import { loadKeys } from '../../src/append/keys.ts'
import { Sequencer } from '../../src/append/sequencer.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import type { VerificationReport } from '../../src/core/finding.ts'
import { placeHold, releaseHold } from '../../src/retention/holds.ts'
import { runRetention } from '../../src/retention/retention.ts'
import { defaultRetentionSettings } from '../../src/retention/settings.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { startChild } from '../support/child.ts'
import { recordEvidence } from '../support/evidence.ts'
import { makePlace, type Place, typesOf } from './support.ts'

const done = { restores: 0, kills: 0, refused: 0 }
afterAll(() => recordEvidence('restore', done))

const restored = (report: VerificationReport) => report.declared.filter(({ operation }) => operation === 'log.restored')

function removeLog({ file }: Place): void {
  for (const end of ['', '-wal', '-shm', '.index']) rmSync(file + end, { force: true })
}

/** A log of 21 entries with a backup, and of 32 now. */
async function placeWithBackup(options: Parameters<typeof makePlace>[0] = {}): Promise<Place> {
  const place = await makePlace(options)
  await place.append(20)
  await place.backup('b.db')
  await place.append(10, 'ada')
  return place
}

describe('a restore', () => {
  for (const [which, options] of [
    ['an encrypted log', {}],
    ['a plain log', { encryption: 'none' }],
    ['a log whose subjects have keys', { subjectPaths: ['userId'] }],
  ] as const) {
    it(`of ${which} is declared: nothing was changed, and what was given up is named as missing`, async () => {
      const place = await placeWithBackup(options)
      const before = await place.verify()
      place.world.time += 3 * 3600e6
      const report = await place.restore('b.db', { reason: 'a bad day', actor: { type: 'operator', id: 'eve' } })
      done.restores++
      expect(report).toMatchObject({ size: 21, seq: 21, sizeBefore: 32, givenUp: 11, present: 'whole', again: [] })

      const after = await place.verify()
      expect(after).toMatchObject({ valid: true, complete: false, trust: 'anchored', size: 22, findings: [] })
      expect(after.missing).toMatchObject([{ kind: 'given_up', seq: 21, operation: 'log.restored' }])
      expect(after.missing[0]!.message).toContain('from 21 to 31')
      expect(restored(after)).toMatchObject([
        { seq: 21, size: 21, common: 21, sizeBefore: 32, rootBefore: before.rootHash, present: 'whole' },
      ])
      // As good as before: it takes entries, and every question finds what it should.
      await place.append(5)
      await place.open(async ({ log, reader }) => {
        const entry = (await log.get(21))!
        expect(entry).toMatchObject({ reason: 'a bad day', actor: { type: 'operator', id: 'eve' } })
        expect(entry.attributes!.checkpoint).toContain('\n32\n')
        expect(JSON.stringify(entry.attributes)).not.toContain('bad day')
        expect((await reader.list({ actor: 'user:ada' }, { limit: 99, order: 'asc' })).length).toBe(0)
        expect((await reader.list({ actor: 'user:ben' }, { limit: 99, order: 'asc' })).length).toBe(25)
        expect(await log.prove(3)).toContain('tlog-proof')
      })
      expect(await place.verify()).toMatchObject({ valid: true, size: 27, findings: [] })
      expect(await place.verify({ from: 22 })).toMatchObject({ valid: true, findings: [] })
      // What stood there is kept, whole.
      const [aside] = readdirSync(place.folder).filter(name => name.includes('before-restore'))
      expect(report.keptAside).toBe(join(place.folder, aside!))
      expect(statSync(report.keptAside!).mode & 0o777).toBe(0o600)
      const old = openSqliteStore({ file: report.keptAside!, key: loadKeys(place.keys).storage, mode: 'read' })
      expect(Buffer.from(old.head()!.root).toString('hex')).toBe(before.rootHash)
      old.close()
      expect(readdirSync(place.folder).filter(name => name.includes('restoring'))).toEqual([])
    })
  }

  it('without it, an older copy in the place of the log is a rollback', async () => {
    const place = await placeWithBackup()
    removeLog(place)
    cpSync(join(place.folder, 'b.db'), place.file)
    expect(typesOf(await place.verify())).toEqual(['rollback'])
    await expect(place.append(1)).rejects.toMatchObject({ code: 'damaged' })
    expect(existsSync(join(place.keys, 'anchor.next'))).toBe(false)
  })

  it('can be done again and again, back and forth, and every one stays on record', async () => {
    const place = await placeWithBackup()
    await place.backup('c.db')
    await place.restore('b.db')
    await place.append(3)
    // Forth, to a copy of what was given up: it has entries in common with the log, and others of its own.
    expect(await place.restore('c.db')).toMatchObject({ size: 32, seq: 32, sizeBefore: 25, givenUp: 4 })
    const forth = await place.verify()
    expect(forth).toMatchObject({ valid: true, complete: false, size: 34 })
    expect(restored(forth)).toMatchObject([
      { seq: 32, common: 21, sizeBefore: 25 },
      { seq: 33, again: 21, sizeBefore: 33 },
    ])
    await place.restore('b.db')
    const back = await place.verify()
    expect(back).toMatchObject({ valid: true, complete: false, size: 24 })
    expect(restored(back).map(({ again }) => again)).toEqual([undefined, 32, 33])
    done.restores += 3
  })

  it('of a copy with its write-ahead log beside it brings that too', async () => {
    const place = await makePlace()
    await place.open(async ({ log }) => {
      for (let i = 0; i < 9; i++) await log.append({ operation: 'remember', component: 'memory' })
      for (const end of ['', '-wal']) cpSync(place.file + end, join(place.folder, `raw.db${end}`))
    })
    expect(statSync(join(place.folder, 'raw.db-wal')).size).toBeGreaterThan(0)
    expect(await place.restore('raw.db')).toMatchObject({ size: 10, givenUp: 0 })
    expect(await place.verify()).toMatchObject({ valid: true, complete: true, size: 11 })
    done.restores++
  })
})

describe('what a restore must not undo', () => {
  for (const [which, options] of [
    ['as they are', {}],
    ['with keys of their own', { subjectPaths: ['userId'] }],
  ] as const) {
    it(`people who were erased since the backup stay erased: ${which}`, async () => {
      const place = await makePlace(options)
      await place.append(300, 'ada')
      await place.append(10, 'ben')
      await place.backup('b.db')
      await place.append(5, 'ada')
      await place.erase('user:ada')
      const report = await place.restore('b.db')
      done.restores++
      expect(report.again.map(({ operation }) => operation)).toEqual(['subject.erased'])
      await place.open(async ({ log }) => {
        expect((await log.get(1))!.userContext).toEqual({ erased: true })
        expect((await log.get(300))!.userContext).toEqual({ erased: true })
        expect((await log.get(305))!.userContext).toMatchObject({ secret: 'bens-secret-4' })
        expect((await log.get(report.again[0]!.seq))!.attributes).toMatchObject({ entries: '1-300', again: 317 })
      })
      expect(await place.verify()).toMatchObject({ valid: true, findings: [] })
      expect(await place.verify({ from: 100, to: 200 })).toMatchObject({ valid: true, findings: [] })
    })
  }

  it('whose key is destroyed cannot be read again, and the log says so, where the present log is gone too', async () => {
    const place = await makePlace({ subjectPaths: ['userId'] })
    await place.append(4, 'ada')
    await place.append(4, 'ben')
    await place.backup('b.db')
    await place.erase('user:ada')
    removeLog(place)
    const { again } = await place.restore('b.db', { evenIfErased: true })
    expect(again).toMatchObject([{ operation: 'subject.erased' }])
    await place.open(async ({ log }) => {
      expect((await log.get(again[0]!.seq))!.attributes).toMatchObject({ entries: '1-4', closed: true })
      expect((await log.get(5))!.userContext).toMatchObject({ secret: 'bens-secret-0' })
    })
    expect(await place.verify()).toMatchObject({ valid: true, findings: [] })
    done.restores++
  })

  it('content and leaves that were pruned stay pruned; holds stay, those that were released too', async () => {
    const place = await makePlace()
    await place.append(600)
    const first = await place.open(({ logger }) =>
      placeHold(e => logger.logControl(e), { name: 'first', filter: { actor: 'user:nobody' } }),
    )
    await place.backup('b.db')
    await place.open(async ({ quietReader: reader, writer, world, logger }) => {
      await releaseHold(reader, e => logger.logControl(e), { id: first.id })
      await placeHold(e => logger.logControl(e), { name: 'second', filter: { actor: 'user:ada' }, reason: 'a case' })
      const short = await placeHold(e => logger.logControl(e), { name: 'short', filter: {} })
      await releaseHold(reader, e => logger.logControl(e), { id: short.id })
      place.world.time += 400 * 86_400e6
      const settings = { ...defaultRetentionSettings, days: 30, leafDays: 90 }
      await runRetention({ reader, remove: writer.remove, now: () => world.now() }, settings)
    })
    const { again } = await place.restore('b.db')
    done.restores++
    expect(again.map(({ operation }) => operation)).toEqual([
      'hold.released',
      'hold.placed',
      'retention.pruned',
      'retention.pruned',
    ])
    await place.open(async ({ log }) => {
      expect(await log.get(3)).toBeUndefined()
      expect((await log.get(590))!.userContext).toEqual({ erased: true })
      const [, placed] = again
      expect(await log.get(placed!.seq)).toMatchObject({ filter: { actor: 'user:ada' }, reason: 'a case' })
    })
    expect(await place.verify()).toMatchObject({ valid: true, findings: [] })
    expect(await place.verify({ from: 600 })).toMatchObject({ valid: true, findings: [] })
  })

  it('a log that was frozen stays frozen, and can be opened again', async () => {
    const place = await placeWithBackup()
    await place.open(({ logger }) => logger.logControl({ operation: 'log.frozen' }))
    expect((await place.restore('b.db')).again).toMatchObject([{ operation: 'log.frozen' }])
    done.restores++
    await expect(place.append(1)).rejects.toMatchObject({ code: 'frozen' })
    await place.open(({ logger }) => logger.logControl({ operation: 'log.unfrozen' }))
    await place.append(1)
    expect(await place.verify()).toMatchObject({ valid: true, findings: [] })
  })

  it('keys that were replaced cannot be vouched for once more: such a backup is refused, a newer one is not', async () => {
    const place = await placeWithBackup()
    await place.open(({ writer }) => writer.rotateKeys())
    const before = await place.verify()
    await expect(place.restore('b.db')).rejects.toMatchObject({ code: 'bad_input', message: /keys were replaced/ })
    expect((await place.verify()).rootHash).toBe(before.rootHash)
    await place.backup('c.db')
    await place.append(3)
    await place.restore('c.db')
    expect(await place.verify()).toMatchObject({ valid: true, findings: [] })
    done.restores++
    done.refused++
  })
})

describe('a checkpoint that someone else kept', () => {
  it('of what was given up is explained by the entry that names it, and by nothing else', async () => {
    const place = await placeWithBackup()
    const between = await place.open(async ({ log }) => {
      await log.append({ operation: 'remember', component: 'memory' })
      return (await log.checkpoint())!
    })
    await place.append(300)
    const last = place.anchor()
    await place.restore('b.db')
    await place.append(40)
    expect(await place.verify({ anchors: [last] })).toMatchObject({ valid: true, complete: false, trust: 'anchored' })
    expect(await place.verify({ anchors: [last], from: 30 })).toMatchObject({ valid: true })

    const other = await place.verify({ anchors: [between] })
    expect(typesOf(other)).toEqual(['fork'])
    expect(other.findings[0]!.message).toContain('entry 21 says that a restore gave up a log of 333')
    // Without its own anchor, an explained one anchors nothing.
    renameSync(join(place.keys, 'anchor'), join(place.folder, 'anchor'))
    expect(await place.verify({ anchors: [last] })).toMatchObject({ valid: true, trust: 'signed' })
    done.restores++
  })

  it('is not explained by an entry that nobody signed', async () => {
    const place = await placeWithBackup()
    const last = place.anchor()
    await place.restore('b.db')
    // The same log, with the declaration but without a signature over it.
    const { storage } = loadKeys(place.keys)
    const open = Tamper.open(place.file, storage)
    open.forget(21)
    open.close()
    rmSync(join(place.keys, 'anchor'))
    const found = typesOf(await place.verify({ anchors: [last] }))
    expect(found).toContain('rollback')
    done.refused++
  })

  it('nothing explains the own anchor: who has every key but cannot write it is caught', async () => {
    const place = await placeWithBackup()
    const own = place.anchor()
    await place.restore('b.db')
    writeFileSync(join(place.keys, 'anchor'), own)
    expect(typesOf(await place.verify())).toEqual(['rollback'])
    await expect(place.append(1)).rejects.toMatchObject({ code: 'damaged' })
    done.refused++
  })
})

describe('a restore is refused, and nothing is changed,', () => {
  const refusals: [string, (place: Place) => Promise<unknown> | unknown, object][] = [
    ['where there is no backup', p => rmSync(join(p.folder, 'b.db')), { code: 'not_found' }],
    [
      'when the backup was tampered with',
      p => {
        const open = Tamper.open(join(p.folder, 'b.db'), loadKeys(p.keys).storage)
        open.edit(7, { component: 'other' })
        open.save().close()
      },
      { code: 'damaged', message: /hash_mismatch/ },
    ],
    ['when the backup is cut off', p => truncateSync(join(p.folder, 'b.db'), 9000), { code: 'bad_format' }],
    [
      'when the backup is no log',
      p => writeFileSync(join(p.folder, 'b.db'), 'a letter'.repeat(999)),
      { code: 'bad_key' },
    ],
    [
      'when the backup is of another log',
      async p => {
        const other = await makePlace()
        await other.append(20)
        await other.backup('b.db')
        cpSync(join(other.folder, 'b.db'), join(p.folder, 'b.db'))
      },
      { code: 'bad_key' },
    ],
  ]
  for (const [when, spoil, error] of refusals) {
    it(when, async () => {
      const place = await placeWithBackup()
      const before = await place.verify()
      await spoil(place)
      await expect(place.restore('b.db')).rejects.toMatchObject(error)
      expect(await place.verify()).toMatchObject({ valid: true, rootHash: before.rootHash })
      expect(readdirSync(place.folder).filter(name => /restor/.test(name))).toEqual([])
      done.refused++
    })
  }

  it('while anyone has the log open: in this process, or in another', async () => {
    const place = await placeWithBackup()
    await place.open(async ({ log }) => {
      await expect(place.restore('b.db')).rejects.toMatchObject({ code: 'busy', message: /open elsewhere/ })
      expect(await log.append({ operation: 'remember', component: 'memory' })).toMatchObject({ seq: 32 })
    })
    const other = startChild('append.ts', place.file, place.keys, '1', 'other', 'intent')
    await Promise.race([other.said('intent'), other.ended])
    await expect(place.restore('b.db')).rejects.toMatchObject({ code: 'busy' })
    other.process.kill('SIGKILL')
    await other.ended
    await place.restore('b.db')
    expect(await place.verify()).toMatchObject({ valid: true, findings: [] })
    done.restores++
    done.refused += 2
  })
})

describe('where the present log tells nothing that can be believed', () => {
  const losses: [string, (place: Place) => unknown, string][] = [
    ['gone', p => removeLog(p), 'missing'],
    ['emptied', p => truncateSync(p.file), 'unreadable'],
    ['cut off', p => truncateSync(p.file, 12_000), 'unreadable'],
    ['something else', p => writeFileSync(p.file, 'a letter'.repeat(999)), 'unreadable'],
    [
      'tampered with',
      p => {
        const open = Tamper.open(p.file, loadKeys(p.keys).storage)
        open.edit(7, { component: 'other' })
        open.save().close()
      },
      'changed',
    ],
    [
      'an older copy',
      p => {
        removeLog(p)
        cpSync(join(p.folder, 'b.db'), p.file)
      },
      'changed',
    ],
  ]
  for (const [how, lose, state] of losses) {
    it(`because it is ${how}, a restore wants to be told that what was erased may come back`, async () => {
      const place = await placeWithBackup()
      lose(place)
      await expect(place.restore('b.db')).rejects.toMatchObject({ code: 'not_allowed', message: /even-if-erased/ })
      const report = await place.restore('b.db', { evenIfErased: true })
      expect(report).toMatchObject({ present: state, size: 21, sizeBefore: 32, givenUp: 11, again: [] })
      expect(report.keptAside === undefined).toBe(state === 'missing')
      const after = await place.verify()
      expect(after).toMatchObject({ valid: true, complete: false, trust: 'anchored', findings: [] })
      await place.append(3)
      expect(await place.verify()).toMatchObject({ valid: true, findings: [] })
      done.restores++
    })
  }

  it('a forged erasure in it is not done again', async () => {
    const place = await placeWithBackup()
    const open = Tamper.open(place.file, loadKeys(place.keys).storage)
    open.edit(30, { operation: 'subject.erased', kind: 'control', attributes: { entries: '1-20', below: 0 } })
    open.rewrite(30).close()
    await place.restore('b.db', { evenIfErased: true })
    await place.open(async ({ log }) => {
      expect((await log.get(5))!.userContext).toMatchObject({ secret: 'bens-secret-4' })
    })
  })
})

describe('a restore that is killed', () => {
  it('at any call to the file system leaves the old log or the restored one, and can be done again', async () => {
    const place = await placeWithBackup()
    const folder = join(place.folder, 'before')
    const state = ['audit.db', 'audit.db-wal', 'keys']
    for (const name of state) cpSync(join(place.folder, name), join(folder, name), { recursive: true })
    const seen = new Set<string>()
    const script = join(import.meta.dirname, 'killed-restore.ts')
    for (let call = 1; ; call++) {
      for (const name of readdirSync(place.folder)) {
        if (name.startsWith('audit.db') || name === 'keys') rmSync(join(place.folder, name), { recursive: true })
      }
      for (const name of state) cpSync(join(folder, name), join(place.folder, name), { recursive: true })
      const child = spawn(process.execPath, [script, place.file, place.keys, join(place.folder, 'b.db'), String(call)])
      const code = await new Promise(resolve => child.once('close', resolve))
      if (code === 0) break
      expect(code).toBe(null)
      done.kills++

      // Twice: whoever asks sees the same as whoever writes after it.
      for (const looked of ['asked', 'written'] as const) {
        const report = await place.verify()
        expect(report, `killed at call ${call}, ${looked}`).toMatchObject({ valid: true, findings: [] })
        seen.add(restored(report).length === 0 ? 'the old one' : 'the restored one')
        if (looked === 'asked') await place.append(1)
      }
      await place.restore('b.db')
      const after = await place.verify()
      expect(after, `restored again after a kill at call ${call}`).toMatchObject({ valid: true, findings: [] })
      expect(readdirSync(place.folder).filter(name => name.includes('restoring'))).toEqual([])
      expect(existsSync(join(place.keys, 'anchor.next'))).toBe(false)
      done.restores++
    }
    expect([...seen].sort()).toEqual(['the old one', 'the restored one'])
    expect(done.kills).toBeGreaterThan(8)
  }, 120_000)

  it('long ago, and of which nothing came, puts nothing in the place of what was signed since', async () => {
    const place = await placeWithBackup()
    const anchor = new FileAnchor(join(place.keys, 'anchor'))
    const { storage } = loadKeys(place.keys)
    cpSync(join(place.folder, 'b.db'), join(place.folder, 'ready.db'))
    const store = openSqliteStore({ file: join(place.folder, 'ready.db'), key: storage, mode: 'write' })
    const options = {
      store,
      keys: loadKeys(place.keys),
      anchor: { read: () => undefined, write() {} },
      world: place.world,
    }
    const sequencer = new Sequencer(options)
    await sequencer.recordRestore({ attributes: { size: 21 } })
    anchor.writeNext((await sequencer.checkpoint())!)
    store.close()
    expect(anchor.readNext()).toBeDefined()
    await place.append(2)
    expect(anchor.readNext()).toBeUndefined()
    removeLog(place)
    cpSync(join(place.folder, 'ready.db'), place.file)
    expect(typesOf(await place.verify())).toEqual(['rollback'])
  })
})

describe('whoever has the log open while another file takes its name', () => {
  it('is told with the next entry, and acknowledges nothing that would be lost', async () => {
    const place = await placeWithBackup()
    await place.open(async ({ log }) => {
      await log.append({ operation: 'remember', component: 'memory' })
      renameSync(place.file, `${place.file}.moved`)
      const append = () => log.append({ operation: 'remember', component: 'memory' })
      await expect(append()).rejects.toMatchObject({ code: 'io', message: /gone or is another file/ })
      cpSync(join(place.folder, 'b.db'), place.file)
      await expect(append()).rejects.toMatchObject({ code: 'io' })
      expect(readFileSync(place.file).equals(readFileSync(join(place.folder, 'b.db')))).toBe(true)
      rmSync(place.file)
      renameSync(`${place.file}.moved`, place.file)
      expect(await append()).toMatchObject({ seq: 34 })
    })
    expect(await place.verify()).toMatchObject({ valid: true, findings: [] })
  })
})
