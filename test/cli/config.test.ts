import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { makeHome } from './support.ts'

const pager = (secret: string) =>
  `detection:\n  sinks: [{ type: webhook, name: pager, url: 'https://pager.example', secret: ${secret} }]\n`

describe('the configuration on the command line', () => {
  test('says where the log is, for every command, unless a flag or a variable does', async () => {
    const home = makeHome()
    const folder = join(home.folder, 'etc')
    mkdirSync(folder)
    const file = join(folder, 'audit.yaml')
    writeFileSync(file, 'log: { file: data/audit.db, keys: secret-keys }\n')
    const told = ['--config', file]
    const [made] = await home.json<{ log: string; keys: string }>([...told, 'init'])
    expect(made).toMatchObject({ log: join(folder, 'data/audit.db'), keys: join(folder, 'secret-keys') })
    await home.json([...told, 'append', '--operation', 'remember', '--component', 'memory'])
    expect(await home.json([...told, 'query'])).toHaveLength(2)
    const env = { MEMMIMIC_AUDIT_CONFIG: file }
    expect((await home.run(['verify', '--quiet'], undefined, env)).code).toBe(0)
    const elsewhere = await home.run(['status', '--log', 'other.db', '--keys', 'k'], undefined, env)
    expect(elsewhere.stderr).toContain('there is no log at other.db')
    const variable = await home.run(['status'], undefined, { ...env, MEMMIMIC_AUDIT_LOG: 'another.db' })
    expect(variable.stderr).toContain('the log another.db is gone')
  })

  test('prints what holds and where it came from, secrets masked', async () => {
    const home = makeHome()
    const file = join(home.folder, 'memmimic-audit.yaml')
    writeFileSync(file, `server:\n  port: 1234\n${pager('a-very-secret-secret')}`, { mode: 0o600 })
    const env = { MEMMIMIC_AUDIT_LOG__MAX_WAITING: '7' }
    const resolved = await home.run(['config', 'print', '--resolved', '--log', 'x.db', '--json'], undefined, env)
    const rows = resolved.stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    const row = (setting: string) => rows.find(each => each.setting === setting)
    expect(row('server.port')).toEqual({
      setting: 'server.port',
      value: 1234,
      origin: { from: 'file', file, line: 2, column: 9 },
    })
    expect(row('log.maxWaiting')).toMatchObject({
      value: 7,
      origin: { from: 'environment', name: 'MEMMIMIC_AUDIT_LOG__MAX_WAITING' },
    })
    expect(row('log.file')).toMatchObject({ value: 'x.db', origin: { from: 'flag', name: '--log' } })
    expect(row('retention.days')).toMatchObject({ value: 90, origin: { from: 'default' } })
    expect(row('detection.sinks')).toMatchObject({ value: [{ name: 'pager', secret: '***' }] })

    const [table, yaml, json] = await Promise.all([
      home.run(['config', 'print', '--resolved'], undefined, env),
      home.run(['config', 'print']),
      home.run(['config', 'print', '--json']),
    ])
    expect(table.stdout).toMatch(new RegExp(`^server\\.port +1234 +${file}:2:9$`, 'm'))
    expect(table.stdout).toMatch(/^log\.maxWaiting +7 +MEMMIMIC_AUDIT_LOG__MAX_WAITING$/m)
    expect(table.stdout).toMatch(/^retention\.days +90 +default$/m)
    expect(yaml.stdout).toContain('  port: 1234\n')
    expect(JSON.parse(json.stdout)).toMatchObject({ environment: 'production', server: { port: 1234 } })
    for (const { stdout, stderr } of [resolved, table, yaml, json])
      expect(stdout + stderr).not.toContain('a-very-secret')
  })

  test('is refused in one sentence where it is bad, and only by what needs it', async () => {
    const home = makeHome()
    const file = join(home.folder, 'memmimic-audit.yaml')
    writeFileSync(file, 'server:\n  prot: 1\nlog:\n  maxWaiting: x\n')
    const said = `${file}:2:3: server has no setting prot; did you mean port?`
    const [status, check, checked, schema, elsewhere, missing, doctor] = await Promise.all([
      home.run(['status']),
      home.run(['config', 'check']),
      home.run(['config', 'check', '--json']),
      home.run(['config', 'schema']),
      home.run(['status', '--log', 'a.db', '--keys', 'k']),
      home.run(['--config', 'nowhere.yaml', 'status']),
      home.run(['doctor', '--json']),
    ])
    const first = `${said} (and 1 more: see config check)`
    expect(status).toMatchObject({ code: 1, stdout: '', stderr: `memmimic-audit: ${first}\n` })
    expect(check.code).toBe(1)
    expect(check.stdout).toBe(`${said}\n${file}:4:15: log.maxWaiting must be a whole number from 1 on\n`)
    const problems = [{ at: `${file}:2:3` }, { at: `${file}:4:15` }]
    expect(JSON.parse(checked.stdout)).toMatchObject({ valid: false, problems })
    expect(schema.code).toBe(0)
    expect(elsewhere.stderr).toContain('there is no log at a.db')
    expect(missing.code).toBe(1)
    expect(missing.stderr).toBe(
      `memmimic-audit: there is no configuration file at ${join(home.folder, 'nowhere.yaml')}\n`,
    )
    expect(doctor.code).toBe(1)
    expect(JSON.parse(doctor.stdout).checks).toContainEqual({ name: 'config', result: 'fail', message: first })
  })

  test('with secrets is refused when others can read it', async () => {
    const home = makeHome()
    const file = join(home.folder, 'memmimic-audit.yaml')
    writeFileSync(file, pager('a-very-secret-secret'))
    chmodSync(file, 0o644)
    const { code, stderr } = await home.run(['config', 'check'])
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('holds secrets and can be read by others: chmod 600 it'),
    ])
    chmodSync(file, 0o600)
    expect((await home.run(['config', 'check'])).code).toBe(0)
  })

  test('can be begun with a file that names its schema, which is not written over', async () => {
    const home = makeHome()
    expect((await home.run(['config', 'init'])).code).toBe(0)
    const file = join(home.folder, 'memmimic-audit.yaml')
    const text = readFileSync(file, 'utf8')
    const [, schema = ''] = /^# yaml-language-server: \$schema=(file:.*)\n/.exec(text) ?? []
    const published = JSON.parse(readFileSync(new URL(schema), 'utf8'))
    expect(JSON.parse((await home.run(['config', 'schema'])).stdout)).toEqual(published)
    expect((await home.run(['config', 'check'])).stderr).toBe(`memmimic-audit: ${file} is valid\n`)
    expect((await home.run(['config', 'init'])).code).toBe(1)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })
})
