import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { changeEntry, changesSinceLastRun } from '../../src/config/changes.ts'
import { type ConfigSources, resolveConfig } from '../../src/config/resolve.ts'
import { type Config, defaultConfig } from '../../src/config/schema.ts'
import { type Applier, watchConfig } from '../../src/config/watch.ts'
import { openParts } from '../../src/system.ts'

/** A real log, a real file, and a watch over it. */
async function watched(text: string, ...appliers: readonly Applier[]) {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-config-'))
  const file = join(folder, 'config.yaml')
  writeFileSync(file, text, { mode: 0o600 })
  const parts = await openParts({
    file: join(folder, 'audit.db'),
    keys: join(folder, 'keys'),
    threads: false,
    closeOnExit: false,
    onCreate: () => {},
  })
  const sources: ConfigSources = { file, env: {}, cwd: folder }
  const said: string[] = []
  const control = parts.logger.logControl.bind(parts.logger)
  const current = resolveConfig(sources)
  const watch = watchConfig({ sources, current, appliers, control, say: text => said.push(text), everyMs: 20 })
  onTestFinished(async () => {
    watch.stop()
    await parts.log.close()
    rmSync(folder, { recursive: true })
  })
  return {
    file,
    watch,
    said,
    current,
    reader: parts.reader,
    close: () => parts.log.close(),
    entries: () => parts.reader.query({ operation: 'config.changed' }, { limit: 10, order: 'asc' }),
    async until(count: number) {
      while (said.length < count) await sleep(10)
    },
  }
}

describe('a configuration that is changed while a process runs', () => {
  test('is recorded, then applied as far as it can be, and the rest is named', async () => {
    const applied: unknown[] = []
    const { file, watch, said, entries, until } = await watched(
      'logging: { level: info }\nserver: { port: 1 }\n',
      {
        settings: ['logging.level'],
        apply: async ({ logging }) => applied.push([logging.level, (await entries()).length]),
      },
      { settings: ['retention', 'erasure'], apply: ({ retention }) => applied.push(retention.days) },
    )
    const next = `${file}.new`
    writeFileSync(next, 'logging: { level: debug }\nserver: { port: 2 }\nretention: { days: 30 }\n', { mode: 0o600 })
    renameSync(next, file)
    await until(1)
    await sleep(50)
    expect(applied).toEqual([['debug', 1], 30])
    expect(said).toEqual([
      'the configuration was changed: logging.level, retention.days hold now; server.port needs a restart',
    ])
    expect(watch.needsRestart).toEqual(['server.port'])
    const [entry] = await entries()
    expect(entry).toMatchObject({
      kind: 'control',
      component: 'memmimic-audit',
      attributes: {
        'config.settings': 'logging.level, retention.days, server.port',
        'config.count': 3,
        'config.at': 'reload',
        'config.needsRestart': 'server.port',
      },
      changes: [
        { setting: 'logging.level', before: 'info', after: 'debug' },
        { setting: 'retention.days', before: 90, after: 30 },
        { setting: 'server.port', before: 1, after: 2 },
      ],
    })
    expect(JSON.stringify(entry!.attributes)).not.toMatch(/debug|30/)

    writeFileSync(file, 'logging: { level: debug }\nserver: { port: 1 }\nretention: { days: 30 }\n')
    await watch.reload()
    expect(watch.needsRestart).toEqual([])
    expect(await entries()).toHaveLength(2)
    await watch.reload()
    expect(await entries()).toHaveLength(2)
  })

  test('is read again on SIGHUP', async () => {
    const { file, watch, said, until } = await watched('retention: { days: 10 }\n')
    writeFileSync(file, 'retention: { days: 11 }\n')
    process.emit('SIGHUP', 'SIGHUP')
    await until(1)
    expect(said).toEqual(['the configuration was changed: retention.days needs a restart'])
    watch.stop()
    expect(process.listeners('SIGHUP')).toEqual([])
  })

  test('stays as it was when the file is bad or gone, which is said in one sentence', async () => {
    const applied: Config[] = []
    const { file, watch, said, entries, current } = await watched('retention: { days: 10 }\n', {
      settings: ['retention'],
      apply: config => applied.push(config),
    })
    writeFileSync(file, 'retention: { dais: 10 }\n')
    await watch.reload()
    rmSync(file)
    await watch.reload()
    expect(said).toEqual(
      expect.arrayContaining([
        `the configuration stays as it was: ${file}:1:14: retention has no setting dais; did you mean days?`,
        `the configuration stays as it was: there is no configuration file at ${file}`,
      ]),
    )
    expect(applied).toEqual([])
    expect(await entries()).toEqual([])
    writeFileSync(file, 'retention: { days: 12 }\n')
    await watch.reload()
    expect(applied.map(({ retention }) => retention.days)).toEqual([12])
    expect(current.config.retention.days).toBe(10)
  })

  test('stays as it was when the change cannot be recorded', async () => {
    const applied: Config[] = []
    const { file, watch, said, close } = await watched('retention: { days: 10 }\n', {
      settings: ['retention'],
      apply: config => applied.push(config),
    })
    await close()
    writeFileSync(file, 'retention: { days: 11 }\n')
    await watch.reload()
    expect(said[0]).toBe(
      'the configuration stays as it was, because the change could not be recorded: the log is closed',
    )
    expect(applied).toEqual([])
  })

  test('shows no secret in its entry, neither the old one nor the new one', async () => {
    const sink = (secret: string) =>
      `detection:\n  sinks: [{ type: webhook, name: pager, url: 'https://pager.example', secret: ${secret} }]\n`
    const { file, watch, entries } = await watched(sink('the-old-secret-of-the-pager'))
    writeFileSync(file, sink('the-new-secret-of-the-pager'), { mode: 0o600 })
    await watch.reload()
    const [entry] = await entries()
    expect(entry!.attributes).toMatchObject({ 'config.settings': 'detection.sinks', 'config.count': 1 })
    expect(JSON.stringify(entry)).not.toContain('secret-of-the-pager')
    expect(entry!.changes).toMatchObject([{ setting: 'detection.sinks', after: [{ name: 'pager', secret: '***' }] }])
  })
})

test('names of people stand in what is sealed, not in what everyone may read', async () => {
  const ada = (role: string) =>
    `access: { principals: { ada: { actor: { type: user, id: ada }, roles: [${role}] } } }\n`
  const { file, watch, entries, said } = await watched(ada('auditor'))
  writeFileSync(file, `${ada('operator')}metrics: { thresholds: { audit_query_time: { p95: 5 } } }\n`)
  await watch.reload()
  const [entry] = await entries()
  const settings = 'access.principals, metrics.thresholds.audit_query_time.p95'
  expect(entry!.attributes).toMatchObject({ 'config.settings': settings, 'config.needsRestart': settings })
  expect(entry!.changes).toMatchObject([{ setting: 'access.principals.ada.roles', after: ['operator'] }, {}])
  expect([said.join(), watch.needsRestart.join()].join()).not.toContain('ada')
})

test('what was changed while nothing ran is found against the newest entry, else against the defaults', async () => {
  const sinks = 'detection: { sinks: [{ type: log, name: all, minSeverity: low }] }\n'
  const { reader, current, file, watch } = await watched(`retention: { days: 10 }\nserver: { port: 5 }\n${sinks}`)
  const { config } = current
  const settings = async () =>
    (await changesSinceLastRun(reader, config, defaultConfig('production', {}))).map(({ setting }) => setting)
  expect(await settings()).toEqual(['detection.sinks', 'retention.days', 'server.port'])
  writeFileSync(file, `retention: { days: 10 }\nserver: { port: 5 }\nlogging: { level: warn }\n${sinks}`)
  await watch.reload()
  expect(await settings()).toEqual(['logging.level'])
})

test('an entry names fifty settings, counts the others, and seals all', () => {
  const changes = Array.from({ length: 60 }, (_, i) => ({
    setting: `s${i}`,
    openName: `s${i}`,
    before: null,
    after: i,
  }))
  const config = resolveConfig({ env: {}, cwd: '/', readFile: () => undefined }).config
  const { attributes, sealed } = changeEntry(changes, config, { at: 'start', needsRestart: [] })
  expect(attributes!['config.settings']).toMatch(/^s0, .*s49 and 10 more$/)
  expect(attributes!['config.count']).toBe(60)
  expect((sealed!.changes as unknown[]).length).toBe(60)
})
