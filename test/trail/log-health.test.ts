import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { loadStorageKey } from '../../src/append/keys.ts'
import { Tamper } from '../../src/attack/tamper.ts'
import { AuditError } from '../../src/core/errors.ts'
import { openParts } from '../../src/system.ts'
import { fixedWorld } from '../../src/testing.ts'
import { type Degradation, LogHealth, type LogHealthOptions } from '../../src/trail/log-health.ts'
import type { LogStatus } from '../../src/trail/reader.ts'
import { debianProgram } from '../support/debian.ts'

/** A real log with its health, on this thread. */
async function healthOf(folder = temporaryFolder(), options: Partial<LogHealthOptions> = {}) {
  const [file, keys] = [join(folder, 'audit.db'), join(folder, 'keys')]
  const world = fixedWorld()
  const parts = await openParts({ file, keys, world, threads: false, closeOnExit: false, onCreate: () => {} })
  const changes: [Degradation['mode'], 'on' | 'off'][] = []
  const health = new LogHealth({
    file,
    keys,
    reader: parts.reader,
    events: parts.events,
    now: () => world.now(),
    waiting: () => parts.logger.waiting,
    freshMs: 0,
    onChange: ({ mode }, isOver) => changes.push([mode, isOver ? 'off' : 'on']),
    ...options,
  })
  onTestFinished(async () => {
    health.close()
    await parts.log.close().catch(() => {})
  })
  const modes = async () => (await health.look()).degraded.map(({ mode }) => mode)
  const failed = async () => (await health.look()).checks.filter(({ ok }) => !ok).map(({ name }) => name)
  return { ...parts, folder, file, keys, world, health, changes, modes, failed }
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-health-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const isRoot = process.getuid?.() === 0

/** As somebody whom permissions bind: root is nobody's guest. */
async function asNobody<T>(folder: string, work: () => Promise<T>): Promise<T> {
  if (!isRoot) return await work()
  const nobody = 65_534
  for (const name of ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })])
    chownSync(join(folder, name), nobody, nobody)
  process.seteuid!(nobody)
  try {
    return await work()
  } finally {
    process.seteuid!(0)
  }
}

test('a log that is well is in no degraded mode, and says how it is', async () => {
  const { health, log, failed } = await healthOf()
  await log.append({ operation: 'remember', component: 'memory' })
  await log.checkpoint()
  await log.verify()
  expect(await failed()).toEqual([])
  expect(await health.look()).toMatchObject({
    alive: true,
    degraded: [],
    log: { size: 2, frozen: false, signed: 2, newestTime: expect.stringMatching(/^2026-11-23T12:00:/) },
    indexLag: 0,
    waiting: 0,
    openAlerts: {},
    lastCheck: { scope: 'log', entries: 2, valid: true, complete: true, trust: 'anchored', findings: 0 },
  })
  const { checkpointAgeSeconds } = (await health.look()).log
  expect(checkpointAgeSeconds).toBeGreaterThanOrEqual(0)
  expect(checkpointAgeSeconds).toBeLessThan(5)
})

describe('a degraded mode has a name, begins with its cause, and ends with it', () => {
  test('read_only_disk: the folder of the log may not be written', async () => {
    const { folder, file, modes, changes, health } = await healthOf()
    expect(await asNobody(folder, modes)).toEqual([])
    chmodSync(folder, 0o500)
    expect(await asNobody(folder, modes)).toEqual(['read_only_disk'])
    const [{ message = '' } = {}] = health.degraded
    expect(message).toBe(
      `${folder} and ${file} may not be written by this process: nothing can be recorded until that is mended`,
    )
    chmodSync(folder, 0o700)
    expect(await asNobody(folder, modes)).toEqual([])
    expect(changes).toEqual([
      ['read_only_disk', 'on'],
      ['read_only_disk', 'off'],
    ])
  })

  test('full_disk: there is no room left, and then there is', async context => {
    const folder = temporaryFolder()
    const [mount, umount] = [debianProgram('mount', 'mount'), debianProgram('umount', 'mount')]
    try {
      execFileSync(mount!, ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', folder], { stdio: 'pipe' })
    } catch {
      console.warn('skipped: the test of a full disk, because a small file system cannot be mounted here')
      return context.skip('a small file system cannot be mounted here')
    }
    onTestFinished(() => void execFileSync(umount!, ['-l', folder]))
    const { log, modes, health, changes } = await healthOf(folder)
    expect(await modes()).toEqual([])
    const append = () => log.append({ operation: 'remember', component: 'memory', operationResult: 'x'.repeat(30_000) })
    await append()
    const filler = join(folder, 'filler')
    for (let size = 1024; size > 0; size = Math.floor(size / 2)) {
      try {
        while (true) execFileSync('sh', ['-c', `head -c ${size * 1024} /dev/zero >> ${filler}`], { stdio: 'pipe' })
      } catch {
        // As much as fits, then by smaller pieces.
      }
    }
    await expect(append()).rejects.toMatchObject({ code: 'io' })
    expect(await modes()).toContain('full_disk')
    expect(health.degraded.find(({ mode }) => mode === 'full_disk')!.message).toBe(
      `there is no room left in ${folder}: make some`,
    )
    // Reading and checking go on, as far as they need no index.
    expect(await log.get(1)).toMatchObject({ operation: 'remember' })
    expect(await log.verify()).toMatchObject({ valid: true, size: 2 })
    rmSync(filler)
    await append()
    expect(await modes()).toEqual([])
    expect(changes).toEqual(
      expect.arrayContaining([
        ['full_disk', 'on'],
        ['full_disk', 'off'],
      ]),
    )
    expect(await log.verify()).toMatchObject({ valid: true })
  })

  test.each(['ed25519.pem', 'storage.key', 'seal.key', 'log.vkeys'])('lost_key: %s is not there', async name => {
    const { keys, log, modes, failed, health } = await healthOf()
    renameSync(join(keys, name), join(keys, 'elsewhere'))
    expect(await modes()).toEqual(['lost_key'])
    expect(health.degraded[0]!.message).toContain('bring it back before this process ends')
    // What is open goes on.
    await log.append({ operation: 'remember', component: 'memory' })
    renameSync(join(keys, 'elsewhere'), join(keys, name))
    expect(await failed()).toEqual([])
  })

  test('lost_key: a key that others can read is as good as lost', async () => {
    const { keys, modes } = await healthOf()
    chmodSync(join(keys, 'ed25519.pem'), 0o644)
    expect(await modes()).toEqual(['lost_key'])
    chmodSync(join(keys, 'ed25519.pem'), 0o600)
    expect(await modes()).toEqual([])
  })

  test('clock_jumped_back: entries keep their order, and the mode lasts until the clock has caught up', async () => {
    const { world, log, modes, health } = await healthOf()
    const { time } = await log.append({ operation: 'remember', component: 'memory' })
    const before = world.time
    world.time = before - 3600e6
    expect(await modes()).toEqual(['clock_jumped_back'])
    expect(health.degraded[0]!.message).toMatch(
      /^the clock is 3600 s behind the newest entry: until it says 2026-11-23T12:/,
    )
    expect((await log.append({ operation: 'recall', component: 'memory' })).time).toBe(time)
    world.time = before
    expect(await modes()).toEqual([])
    expect(await log.verify()).toMatchObject({ valid: true, findings: [] })
  })

  test('frozen: until that is lifted, also by another process', async () => {
    const { log, logger, modes } = await healthOf()
    await logger.logControl({ operation: 'log.frozen', attributes: { reason: 'drill' } })
    expect(await modes()).toEqual(['frozen'])
    await expect(log.append({ operation: 'remember', component: 'memory' })).rejects.toMatchObject({ code: 'frozen' })
    await logger.logControl({ operation: 'log.unfrozen' })
    expect(await modes()).toEqual([])
  })

  test('tampering_found: a check of a part finds it, and only a check that reaches as far takes it back', async () => {
    const { file, keys, log, modes, health } = await healthOf()
    for (let i = 0; i < 5; i++) await log.append({ operation: 'remember', component: 'memory', memoryId: `m${i}` })
    const tamper = Tamper.open(file, loadStorageKey(keys))
    const original = tamper.rows[3]!
    tamper.edit(3, { operation: 'forget' })
    tamper.save()
    expect(await log.verify()).toMatchObject({ valid: false })
    expect(await modes()).toEqual(['tampering_found'])
    expect(health.degraded[0]!.message).toMatch(/changed, the first at entry 3: run verify$/)
    tamper.rows[3] = original
    tamper.save()
    tamper.db.close()
    await log.verify({ from: 0, to: 2 })
    expect(await modes()).toEqual(['tampering_found'])
    await log.verify()
    expect(await modes()).toEqual([])
  })

  test('index_unavailable: questions cannot be answered, and then they can', async () => {
    let problem: Error | undefined
    const status = async () => {
      if (problem !== undefined) throw problem
      return { size: 2, indexed: 2 } as LogStatus
    }
    const { log, modes, failed } = await healthOf(undefined, { reader: { status } })
    problem = new AuditError('io', 'the disk failed while audit.db.index was used')
    expect(await modes()).toEqual(['index_unavailable'])
    await log.append({ operation: 'remember', component: 'memory' })
    problem = undefined
    expect(await failed()).toEqual([])
  })
})

test('a log whose file is gone, or is another one now, is not well: what is recorded goes nowhere', async () => {
  const { file, folder, health, failed } = await healthOf()
  renameSync(file, join(folder, 'elsewhere'))
  expect(await failed()).toContain('log')
  copyFileSync(join(folder, 'elsewhere'), file)
  expect(await failed()).toEqual(['log'])
  expect((await health.look()).checks[0]!.message).toContain('is another file now')
  renameSync(join(folder, 'elsewhere'), file)
  expect(await failed()).toEqual([])
})

test('entries that wait too long for a signature are said', async () => {
  const { log, world, failed } = await healthOf(undefined, { checkpointEveryMs: 1000 })
  await log.append({ operation: 'remember', component: 'memory' })
  world.time += 10e6
  expect(await failed()).toEqual(['checkpoint'])
  await log.checkpoint()
  expect(await failed()).toEqual([])
})

test('a thread of the log that has ended is told by what it refuses', async () => {
  const { events, health } = await healthOf()
  events.emit({ type: 'refused', entries: 1, code: 'closed' })
  expect((await health.look()).alive).toBe(false)
})

test('what is written to see whether the disk takes it is gone afterwards', async () => {
  const { folder, health, file } = await healthOf()
  const before = readdirSync(folder).sort()
  await health.look()
  expect(readdirSync(folder).sort()).toEqual(before)
  // Left behind by a process that was killed in the middle, it hinders nobody.
  writeFileSync(`${file}.probe.${process.pid}`, 'x')
  expect((await health.look()).degraded).toEqual([])
})
