/** What the moves of the attack kit do not ask, asked in a few lines each. A probe throws when a promise is not kept. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GroupCommit } from '../../src/append/group-commit.ts'
import { ed25519CosignatureVerifier } from '../../src/core/cosignature.ts'
import { canonicalize } from '../../src/core/json.ts'
import { parseLeaf } from '../../src/core/leaf.ts'
import { visible } from '../../src/core/visible.ts'
import { prepareEntry } from '../../src/intake/prepare.ts'
import { defaultIntakeSettings } from '../../src/intake/settings.ts'
import { FaultStore } from '../../src/testing.ts'
import { type VerifyOptions, verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

async function onLog(look: (log: TestLog) => Promise<void>): Promise<void> {
  const log = await makeTestLog()
  try {
    await log.grow(3)
    await look(log)
  } finally {
    log.dispose()
  }
}

const trustOf = async ({ store, keys }: TestLog, known: VerifyOptions) =>
  await verifyLog(store, { verifiers: keys.verifiers, ...known })

export const probes: Readonly<Record<string, () => Promise<void> | void>> = {
  'a leaf has one spelling': () =>
    onLog(async ({ store }) => {
      for (const { leaf } of [...store.entries(0, 3)].flat()) {
        const text = Buffer.from(leaf).toString()
        assert.equal(parseLeaf(leaf).problem, undefined)
        for (const twin of [text.replace('"v":1', '"v": 1'), text.replace('"v":1}', '"v":1.0}'), ` ${text}`]) {
          assert.ok(parseLeaf(Buffer.from(twin)).problem, twin)
        }
      }
    }),

  'an anchor that nobody signed is found': () =>
    onLog(async log => {
      const note = log.store.lastCheckpoint()!.note
      const forged = note.replace(/^\d+$/m, '2')
      const { findings } = await trustOf(log, { anchors: [forged] })
      assert.deepEqual(
        findings.map(({ type }) => type),
        ['signature_invalid'],
      )
    }),

  'a log that no witness has signed is not witnessed': () =>
    onLog(async log => {
      const witness = ed25519CosignatureVerifier('witness.example', new Uint8Array(32).fill(1))
      assert.equal((await trustOf(log, { witnesses: [witness] })).trust, 'signed')
    }),

  'the seal key of an epoch is gone with it': () =>
    onLog(async log => {
      const secret = log.sealKey.split('+').at(-1)!
      log.world.time += 3600e6
      await log.grow(1)
      for (const name of readdirSync(log.keysFolder)) {
        const text = readFileSync(join(log.keysFolder, name), 'latin1')
        assert.ok(!text.includes(secret), `${name} has the key of the first epoch`)
      }
    }),

  'a log of which the newest seal is gone is not sealed': () =>
    onLog(async ({ store, keys }) => {
      const cut = new Proxy(store, {
        get(target, name: keyof typeof store) {
          if (name === 'seals') return (from: number, to: number) => [...target.seals(from, to)].slice(0, -1)
          const value: unknown = target[name]
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
      const { findings } = await verifyLog(cut, { verifiers: keys.verifiers })
      assert.deepEqual(
        findings.map(({ type }) => type),
        ['seal_invalid'],
      )
    }),

  'two writers by turns leave one log': () =>
    onLog(async log => {
      const [one, two] = [log.sequencer(), log.sequencer()]
      for (let i = 0; i < 3; i++) {
        await one.commit([log.draft({})])
        await two.commit([log.draft({})])
      }
      await one.checkpoint()
      const { size, findings } = await trustOf(log, {})
      assert.deepEqual({ size, findings }, { size: 10, findings: [] })
    }),

  'nothing can be read without the storage key': () =>
    onLog(async log => {
      await log.sequencer().commit([log.draft({ operation: 'conspicuous', userContext: { text: 'conspicuous' } })])
      for (const end of ['', '-wal']) {
        const bytes = readFileSync(log.file + end)
        assert.ok(!bytes.includes('conspicuous') && !bytes.includes('SQLite format'), `audit.db${end} can be read`)
      }
    }),

  'a write that went through and failed all the same is acknowledged': () =>
    onLog(async log => {
      const store = new FaultStore(log.store)
      const checkpoints = { everyEntries: 1e9, everyMs: 1e9 }
      const group = new GroupCommit({ sequencer: log.sequencer(store), world: log.world, checkpoints })
      store.next = 'persisted'
      const [receipt] = await group.append([log.draft({})])
      assert.equal(receipt!.seq, 4)
      await group.close()
    }),

  'every commit is synced to the disk before it is acknowledged': () => {
    const script = join(import.meta.dirname, '../support/children/synced.ts')
    const trace = ['-f', '-qq', '-e', 'trace=fdatasync,fsync,write', '-e', 'signal=none', '-s', '16']
    const { stderr, status } = spawnSync('strace', [...trace, process.execPath, script], { encoding: 'utf8' })
    assert.equal(status, 0)
    for (let i = 0; i < 5; i++) {
      const between = stderr.slice(stderr.indexOf(`"begin ${i}`), stderr.indexOf(`"acknowledged ${i}`))
      assert.match(between, /fdatasync|fsync/, `commit ${i} was acknowledged before the disk had it`)
    }
  },

  'control characters are shown as what they are': () => {
    assert.equal(visible('a\u001b[2J\u202eb'), 'a\\u{1b}[2J\\u{202e}b')
  },

  'a password does not reach the log': () => {
    const prepare = prepareEntry(defaultIntakeSettings)
    const kept = canonicalize({
      ...prepare({ operation: 'x', component: 'y', arguments: { password: 'hunter2', text: 'AKIAIOSFODNN7EXAMPLE' } }),
    })
    assert.ok(!/hunter2|AKIAIOSFODNN7EXAMPLE/.test(kept), kept)
  },

  'nobody can tell from its commitment that a value comes again': () =>
    onLog(async log => {
      await log.sequencer().commit([log.draft({ memoryId: 'same' }), log.draft({ memoryId: 'same' })])
      const [one, two] = [...log.store.entries(4, 6)].flat().map(({ leaf }) => parseLeaf(leaf).leaf?.sealed?.memoryId)
      assert.ok(one !== undefined && two !== undefined)
      assert.notEqual(one, two)
    }),
}
