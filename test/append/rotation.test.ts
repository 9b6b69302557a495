/** Signing keys are replaced on record: the old ones vouch for the new, and then sign no more. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, cpSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileAnchor } from '../../src/append/anchor.ts'
import { loadKeys, loadPublicKeys, makeNextKeys, switchToNextKeys } from '../../src/append/keys.ts'
import { writerMark } from '../../src/append/liveness.ts'
import { anchorFile } from '../../src/append/places.ts'
import { Sequencer } from '../../src/append/sequencer.ts'
import { openWriter, type Writer } from '../../src/append/writer.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { parseSealKey } from '../../src/core/seal.ts'
import { parseVkey } from '../../src/core/vkey.ts'
import { FaultStore } from '../../src/testing/fault-store.ts'
import { type VerifyOptions, verifyLog } from '../../src/verify/log-verifier.ts'
import { makeTestLog, type TestLog } from '../support/log.ts'

let log: TestLog
let first: readonly string[]
beforeEach(async () => {
  log = await makeTestLog()
  first = lines()
})
afterEach(() => log.dispose())

const lines = () => readFileSync(join(log.keysFolder, 'log.vkeys'), 'utf8').trimEnd().split('\n')

const open = (): Promise<Writer> =>
  openWriter({
    file: log.file,
    keys: log.keysFolder,
    checkpoints: { everyEntries: 10, everyMs: 1e9 },
    onFailure: 'refuse',
  })

async function rotate(before: number, after: number): Promise<void> {
  const writer = await open()
  for (let i = 0; i < before; i++) await writer.append([log.draft({})])
  await writer.rotateKeys()
  for (let i = 0; i < after; i++) await writer.append([log.draft({})])
  await writer.close()
}

const check = (vkeys: readonly string[], options: VerifyOptions = {}) =>
  verifyLog(log.store, {
    verifiers: vkeys.map(parseVkey),
    sealKey: parseSealKey(log.sealKey),
    anchors: [readFileSync(anchorFile(log.keysFolder), 'utf8')],
    deep: true,
    ...options,
  })

describe('after a rotation', () => {
  it('the log verifies for whoever knows the first keys, the newest, or all of them; not for strangers', async () => {
    await rotate(300, 300)
    await rotate(0, 5)
    const all = lines()
    expect(all).toHaveLength(6)
    for (const vkeys of [all, first, all.slice(2, 4), all.slice(4)]) {
      const report = await check(vkeys)
      expect(report).toMatchObject({ valid: true, complete: true, findings: [], trust: 'anchored' })
    }
    expect((await check(all)).declared.filter(({ operation }) => operation === 'key.rotated')).toHaveLength(4)
    for (const [from, to] of [
      [0, 100],
      [250, 320],
      [400, 610],
    ] as const) {
      expect((await check(all, { from, to })).findings, `${from}–${to}`).toEqual([])
    }
    const other = await makeTestLog()
    const strangers = Object.values(other.keys.vkeys)
    other.dispose()
    expect((await check(strangers)).findings.map(({ type }) => type)).toContain('signature_invalid')
    // The private halves of the old generations are gone.
    expect(loadKeys(log.keysFolder).vkeys.ed25519).toBe(all[4])
  })

  it('another writer that was open meanwhile signs with the new keys', async () => {
    const other = await open()
    await rotate(3, 3)
    await other.append([log.draft({})])
    await other.checkpoint()
    await other.close()
    expect((await check(first)).findings).toEqual([])
    await rotate(1, 1)
    expect((await check(lines().slice(-2))).findings).toEqual([])
  })

  it('a checkpoint signed with retired keys is no checkpoint of the log', async () => {
    const stolen = join(log.folder, 'stolen')
    cpSync(log.keysFolder, stolen, { recursive: true })
    await rotate(300, 300)
    const anchor = new FileAnchor(join(log.folder, 'thief'))
    const thief = new Sequencer({ store: log.store, keys: loadKeys(stolen), anchor, world: log.world })
    await log.sequencer().commit([log.draft({})])
    await thief.checkpoint()
    const { size } = (await log.store.head())!
    for (const vkeys of [first, lines()]) {
      for (const from of [0, 10, 400, size - 100, size - 1]) {
        const { valid, findings } = await check(vkeys, { from })
        expect({ valid, types: findings.map(({ type }) => type) }).toEqual({
          valid: false,
          types: ['signature_invalid'],
        })
      }
    }
    // Who also takes away what the new ones have signed is given away by what the anchor remembers.
    const open = Tamper.open(log.file, log.keys.storage)
    open.db.exec(`DELETE FROM checkpoint WHERE size > 301 AND size < ${size}`)
    open.db.close()
    for (const from of [0, 10, 400, size - 100]) {
      expect((await check(lines(), { from })).findings.map(({ message }) => message)[0]).toMatch(
        /keys that were replaced/,
      )
    }
  })

  it('keys that the old ones did not vouch for are no keys of the log', async () => {
    const other = await makeTestLog()
    await log.sequencer().announceKeys(other.keys.vkeys)
    other.dispose()
    // As announced, but the checkpoint in the second entry is another.
    const open = Tamper.open(log.file, log.keys.storage)
    const seq = open.rows.length - 1
    const note = (open.leaf(0).attributes as Record<string, string>)['vkey.ed25519']!
    open.edit(seq, { attributes: { checkpoint: note } })
    open.rewrite(seq).save()
    open.db.close()
    expect((await check(first)).findings.map(({ message }) => message)).toContain(
      `entry ${seq} names keys that the old ones do not vouch for`,
    )
  })
})

describe('a rotation that was cut off', () => {
  it.each([
    ['before anything was on record', async () => void makeNextKeys(log.keysFolder)],
    [
      'when the log had it on record',
      async () => void (await log.sequencer().announceKeys(makeNextKeys(log.keysFolder))),
    ],
    [
      'between the public keys and the private ones',
      async () => {
        const next = makeNextKeys(log.keysFolder)
        const folder = join(log.folder, 'before')
        cpSync(log.keysFolder, folder, { recursive: true })
        await log.sequencer().announceKeys(next)
        switchToNextKeys(log.keysFolder, next)
        for (const name of ['mldsa44.pem', 'mldsa44.next.pem']) {
          copyFileSync(join(folder, name), join(log.keysFolder, name))
        }
      },
    ],
  ])('%s leaves a log that is written, verified and rotated as before', async (_, cut) => {
    await log.grow(20)
    await cut()
    await rotate(5, 5)
    await rotate(5, 5)
    for (const vkeys of [first, lines(), lines().slice(-2)]) expect((await check(vkeys)).findings).toEqual([])
    expect(loadPublicKeys(log.keysFolder).verifiers.length % 2).toBe(0)
    writeFileSync(join(log.folder, 'done'), '')
  })
})

it('two who replace the keys at once do it one after the other, or one is told to come again', async () => {
  const writers = await Promise.all([open(), open(), open()])
  for (let round = 0; round < 4; round++) {
    const ends = await Promise.allSettled(writers.map(writer => writer.rotateKeys()))
    expect(ends.some(({ status }) => status === 'fulfilled')).toBe(true)
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'busy' })
    await Promise.all(writers.map(writer => writer.append([log.draft({})])))
  }
  // One that ended with the lock in its hand holds up nobody.
  writeFileSync(join(log.keysFolder, 'rotation.lock'), writerMark().split('.').with(3, '999999999').join('.'), {
    mode: 0o600,
  })
  await writers[0]!.rotateKeys()
  for (const writer of writers) await writer.close()
  expect(readdirSync(log.keysFolder).filter(name => /lock|next|new/.test(name))).toEqual([])
  expect((await check(lines())).findings).toEqual([])
})

it('a process that is slow to sign what it saw before the keys were replaced does not sign it with the new ones', async () => {
  const other = await open()
  await other.append([log.draft({})])
  class SlowStore extends FaultStore {
    #isSlow = true
    override async head() {
      const head = await log.store.head()
      if (this.#isSlow) {
        this.#isSlow = false
        await other.rotateKeys()
      }
      return head
    }
  }
  const anchor = new FileAnchor(anchorFile(log.keysFolder))
  const keys = loadKeys(log.keysFolder)
  const slow = new Sequencer({ store: new SlowStore(log.store), keys, anchor, world: log.world })
  await slow.checkpoint()
  await other.close()
  expect((await check(lines())).findings).toEqual([])
})

it('keys that another process replaces at that moment can be loaded: those before, or those after', async () => {
  const keys = log.keysFolder
  const source = (name: string) => JSON.stringify(new URL(`../../src/append/${name}.ts`, import.meta.url).href)
  const rotator = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { makeNextKeys, switchToNextKeys } from ${source('keys')}
       import { lockRotation } from ${source('rotation-lock')}
       const keys = ${JSON.stringify(keys)}
       for (let i = 0; i < 40; ) {
         let unlock
         try {
           unlock = lockRotation(keys)
         } catch {
           continue
         }
         switchToNextKeys(keys, makeNextKeys(keys))
         unlock()
         i++
         await new Promise(resolve => setTimeout(resolve, 5))
       }`,
    ],
    { stdio: 'inherit' },
  )
  const ended = once(rotator, 'exit')
  const seen = new Set<string>()
  while (rotator.exitCode === null) {
    seen.add(loadKeys(keys).vkeys.ed25519)
    await new Promise(resolve => setImmediate(resolve))
  }
  expect((await ended)[0]).toBe(0)
  expect(seen.size).toBeGreaterThan(10)
})
