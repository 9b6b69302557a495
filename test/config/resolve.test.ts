import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { originText } from '../../src/config/layers.ts'
import { printedConfig, printedSettings, printedTree } from '../../src/config/printed.ts'
import { judgeConfig, resolveConfig } from '../../src/config/resolve.ts'
import { defaultConfig, environments } from '../../src/config/schema.ts'
import { AuditError } from '../../src/core/errors.ts'
import { sourcesOf, usual } from './support.ts'

const stream = (more = '') =>
  `streams:\n  - name: siem\n    to:\n      type: http\n      url: https://siem.example/\n${more}`

describe('a bad file is refused with the place and what is allowed', () => {
  test.each<[what: string, text: string, said: string | RegExp]>([
    ['a name that is a slip', 'server:\n  prot: 1', '2:3: server has no setting prot; did you mean port?'],
    ['a name that is nothing', 'server:\n  colour: red', '2:3: server has no setting colour'],
    [
      'a section that is a slip',
      'log:\n  maxWaiting: 5\nsever:\n  port: 1',
      '3:1: there is no section sever; did you mean server?',
    ],
    ['a text for a number', 'server:\n  port: many', '2:9: server.port must be a whole number from 0 to 65535'],
    [
      'a number out of range',
      'server:\n\n    port:    65536',
      '3:14: server.port must be a whole number from 0 to 65535',
    ],
    ['a fraction', 'server:\n  port: 1.5', '2:9: server.port must be a whole number from 0 to 65535'],
    [
      'a value that is not one of a few',
      'logging: { level: loud }',
      '1:19: logging.level must be one of trace, debug, info, warn, error, fatal, silent',
    ],
    ['a number for a truth', 'retention:\n  enabled: 1', '2:12: retention.enabled must be true or false'],
    ['a value for a section', 'server: 7330', '1:9: server must be a map of names to values'],
    ['a list for the file', '- server', '1:1: the file must be a map of names to values'],
    ['an empty text', "log:\n  file: ''", '2:9: log.file must be a text that is not empty'],
    [
      'an address beyond this machine',
      'server:\n  host: 0.0.0.0',
      '2:9: server.host can be reached from other machines: set server.allowRemote to true if that is meant',
    ],
    [
      'a metric that there is not',
      'metrics:\n  thresholds:\n    audit_quory_time: { p95: 1 }',
      '3:5: metrics.thresholds has no setting audit_quory_time; did you mean audit_query_time?',
    ],
    [
      'periods that contradict',
      'retention:\n  days: 90\n  leafDays: 30',
      '3:13: retention.leafDays must not be less than the longest period of content',
    ],
    [
      'a place that is none',
      'intake:\n  redaction:\n    rules:\n      - { path: "a b..c", action: mask }',
      /^4:17: intake\.redaction\.rules\[0\]\.path means no place: /,
    ],
    [
      'a role that there is not',
      'access:\n  principals:\n    ada:\n      actor: { type: user, id: ada }\n      roles: [auditer]',
      '5:15: access.principals.ada.roles[0] names no role; did you mean auditor?',
    ],
    [
      'a rule that lacks something',
      'retention:\n  rules:\n    - name: a\n      when: {}',
      '3:7: retention.rules[0].days is missing',
    ],
    [
      'a form that there is not',
      'streams:\n  - name: siem\n    to: { type: carrier-pigeon }',
      '3:17: streams[0].to.type must be syslog or http or otlp',
    ],
    [
      'a URL that is none',
      stream().replace('https:', 'gopher:'),
      '5:12: streams[0].to.url must be an http or https URL',
    ],
    [
      'a name that is given twice',
      `${stream()}${stream().replace('streams:\n', '')}`,
      '6:11: streams[1].name is the name of another one too',
    ],
    [
      'a sink that there is not',
      'detection:\n  responses:\n    - { name: r, minSeverity: high, action: notify, sinks: [pagr] }\n  sinks: [{ type: log, name: pager }]',
      '3:61: detection.responses[0].sinks[0] names no sink; did you mean pager?',
    ],
    [
      'a filter that is none',
      stream('    filter: { where: [{ field: operatoin, op: eq, value: x }] }\n'),
      /^6:13: streams\[0\]\.filter is no filter: .*operatoin/,
    ],
    [
      'an environment that there is not',
      'environment: staging',
      '1:14: environment must be one of development, testing, production',
    ],
    [
      'overrides of an environment that there is not',
      'environments:\n  prod: {}',
      '2:3: environments has no setting prod',
    ],
    [
      'a slip in the overrides of another environment',
      'environment: development\nenvironments:\n  production:\n    server: { port: -1 }',
      '4:21: server.port must be a whole number from 0 to 65535',
    ],
    ['a name that would be a trap', '__proto__:\n  server: { port: 1 }', '1:1: there is no section __proto__'],
    [
      'the same name twice',
      'server: { port: 1 }\nserver: { port: 2 }',
      '2:1: this is not YAML: Map keys must be unique',
    ],
    ['what is not YAML', 'server: { port: 1', /^1:18: this is not YAML: Flow map/],
    ['a tag of somebody’s own', 'server: !include other.yaml', '1:9: this is not YAML: Unresolved tag: !include'],
    ['a second document', 'server: {}\n---\nserver: {}', '2:1: this is not YAML: Source contains multiple documents'],
  ])('%s', (_, text, said) => {
    const refused = () => resolveConfig(sourcesOf({ files: text }))
    expect(refused).toThrow(AuditError)
    expect(refused).toThrow(
      typeof said === 'string'
        ? `${usual}:${said}`
        : expect.objectContaining({ message: expect.stringMatching(new RegExp(`^${usual}:${said.source.slice(1)}`)) }),
    )
    const problems = (() => {
      try {
        return judgeConfig(sourcesOf({ files: text })).problems.map(({ at, sentence }) => `${at}: ${sentence}`)
      } catch (error) {
        return [(error as Error).message]
      }
    })()
    if (typeof said === 'string') expect(problems).toEqual([`${usual}:${said}`])
  })

  test('and everything that is wrong is said when asked for', () => {
    const text = 'server:\n  port: x\n  prot: 1\nlog:\n  maxWaiting: 0\n'
    expect(judgeConfig(sourcesOf({ files: text })).problems).toEqual([
      { at: `${usual}:2:9`, sentence: 'server.port must be a whole number from 0 to 65535' },
      { at: `${usual}:3:3`, sentence: 'server has no setting prot; did you mean port?' },
      { at: `${usual}:5:15`, sentence: 'log.maxWaiting must be a whole number from 1 on' },
    ])
    expect(() => resolveConfig(sourcesOf({ files: text }))).toThrow(/ \(and 2 more: see config check\)$/)
  })
})

describe('a bad variable or flag is refused by its name', () => {
  test.each<[env: Record<string, string>, said: string]>([
    [
      { MEMMIMIC_AUDIT_SERVER__PORT: 'x' },
      'MEMMIMIC_AUDIT_SERVER__PORT: server.port must be a whole number from 0 to 65535',
    ],
    [{ PORT: 'x' }, 'PORT: server.port must be a whole number from 0 to 65535'],
    [
      { MEMMIMIC_AUDIT_SERVER__PROT: '1' },
      'MEMMIMIC_AUDIT_SERVER__PROT: no setting has this name; did you mean MEMMIMIC_AUDIT_SERVER__PORT?',
    ],
    [
      { MEMMIMIC_AUDIT_SERVER__PORT_FILE: '/x' },
      'MEMMIMIC_AUDIT_SERVER__PORT_FILE: only a secret can be read from a file of its own',
    ],
    [
      { MEMMIMIC_AUDIT_ENVIRONMENT: 'staging' },
      'MEMMIMIC_AUDIT_ENVIRONMENT: must be one of development, testing, production',
    ],
    [{ MEMMIMIC_AUDIT_CONFIG: '/nowhere.yaml' }, 'there is no configuration file at /nowhere.yaml'],
  ])('%j', (env, said) => {
    expect(() => resolveConfig(sourcesOf({ env }))).toThrow(expect.objectContaining({ message: said }))
  })

  test('a flag', () => {
    const flags = [{ name: '--port', path: ['server', 'port'], value: 70_000 }]
    expect(() => resolveConfig(sourcesOf({ flags }))).toThrow(
      '--port: server.port must be a whole number from 0 to 65535',
    )
  })

  test('but what a cluster sets for a service of our name is not ours', () => {
    const env = { MEMMIMIC_AUDIT_PORT: 'tcp://10.0.0.7:7330', MEMMIMIC_AUDIT_SERVICE_HOST: '10.0.0.7' }
    expect(resolveConfig(sourcesOf({ env })).config.server.port).toBe(7330)
  })
})

describe('precedence', () => {
  const port = fc.option(fc.integer({ min: 0, max: 65_535 }), { nil: undefined })
  const environment = fc.constantFrom(...environments)

  test('is flag, own variable, common variable, overrides of the environment, file, default', () => {
    fc.assert(
      fc.property(
        port,
        port,
        port,
        port,
        port,
        environment,
        environment,
        (flag, own, common, override, base, active, other) => {
          const text = [
            `environment: ${active}`,
            ...(base === undefined ? [] : [`server: { port: ${base} }`]),
            ...(override === undefined ? [] : ['environments:', `  ${other}:`, `    server: { port: ${override} }`]),
          ].join('\n')
          const { config, originOf } = resolveConfig(
            sourcesOf({
              files: text,
              env: {
                ...(own === undefined ? {} : { MEMMIMIC_AUDIT_SERVER__PORT: String(own) }),
                ...(common === undefined ? {} : { PORT: String(common) }),
              },
              flags: flag === undefined ? [] : [{ name: '--port', path: ['server', 'port'], value: flag }],
            }),
          )
          const lines = text.split('\n')
          const place = (line: string) =>
            `${usual}:${lines.indexOf(line) + 1}:${line.lastIndexOf(' ', line.length - 3) + 2}`
          const said: [number | undefined, string][] = [
            [flag, '--port'],
            [own, 'MEMMIMIC_AUDIT_SERVER__PORT'],
            [common, 'PORT'],
            [active === other ? override : undefined, place(`    server: { port: ${override} }`)],
            [base, place(`server: { port: ${base} }`)],
            [7330, 'default'],
          ]
          const [expected, origin] = said.find(([value]) => value !== undefined)!
          expect(config.server.port).toBe(expected)
          expect(originText(originOf(['server', 'port']))).toBe(origin)
        },
      ),
    )
  })

  test('of files is the one that is named, a variable, the working folder, the user’s, the system’s', () => {
    const names = [
      '/named.yaml',
      '/from/env.yaml',
      usual,
      '/home/me/.config/memmimic-audit/config.yaml',
      '/etc/memmimic-audit/config.yaml',
    ]
    const files = Object.fromEntries(names.map(name => [name, 'server: { port: 1 }']))
    const env = { MEMMIMIC_AUDIT_CONFIG: '/from/env.yaml' }
    expect(resolveConfig(sourcesOf({ files, env, file: '/named.yaml' })).file).toBe('/named.yaml')
    expect(resolveConfig(sourcesOf({ files, env })).file).toBe('/from/env.yaml')
    for (let i = 2; i < names.length; i++) {
      const left = Object.fromEntries(names.slice(i).map(name => [name, '']))
      expect(resolveConfig(sourcesOf({ files: left })).file).toBe(names[i])
    }
    expect(resolveConfig(sourcesOf({})).file).toBeUndefined()
    expect(() => resolveConfig(sourcesOf({ files, file: 'other.yaml' }))).toThrow(
      'there is no configuration file at /home/me/project/other.yaml',
    )
  })
})

describe('layers', () => {
  const resolved = (files: string, env: Record<string, string> = {}) => resolveConfig(sourcesOf({ files, env })).config

  test('merge maps, replace lists, and go back to the default at null', () => {
    const base = 'server:\n  port: 1\n  allowedHosts: [a, b]\nretention:\n  days: 10\n  leafDays: 20\n'
    const config = resolved(
      `${base}environments:\n  production:\n    server: { allowedHosts: [c], drainDelayMs: 5 }\n    retention: { leafDays: null, days: null }\n    log:\n`,
    )
    expect(config.server).toMatchObject({ port: 1, allowedHosts: ['c'], drainDelayMs: 5, host: '127.0.0.1' })
    expect(config.retention).toEqual(defaultConfig('production', {}).retention)
    expect(resolved(`${base}server:\n`.replace('server:\n  port: 1\n  allowedHosts: [a, b]\n', '')).server.port).toBe(
      7330,
    )
  })

  test('add to maps of names, in which null takes a name away', () => {
    const { metrics, detection, access } = resolved(
      'metrics: { thresholds: { audit_query_time: { p99: 2000 }, active_alerts: null } }\n' +
        'detection: { patterns: { bulk_tampering: null, chain_break_cluster: { threshold: 5 } } }\n' +
        'access: { roles: { reader: [{ clearance: internal, components: [memory], permissions: [read] }] } }\n',
    )
    expect(metrics.thresholds.audit_query_time).toEqual({ p95: 1000, p99: 2000 })
    expect(metrics.thresholds.active_alerts).toBeUndefined()
    expect(metrics.thresholds.system_health_score).toEqual({ min_score: 80 })
    expect(Object.keys(detection.patterns)).not.toContain('bulk_tampering')
    expect(detection.patterns.chain_break_cluster).toMatchObject({
      threshold: 5,
      windowSeconds: 60,
      severity: 'critical',
    })
    expect(Object.keys(access.roles)).toEqual(expect.arrayContaining(['owner', 'auditor', 'reader']))
  })

  test('begin with the seed’s numbers for the environment', () => {
    expect(resolved('environment: development').governance).toMatchObject({
      enforcementMode: 'permissive',
      thresholds: { contentSize: 2_000_000 },
    })
    expect(resolved('environment: testing').governance).toMatchObject({
      enforcementMode: 'audit_only',
      thresholds: { tagCount: 50 },
    })
    expect(resolved('').governance).toMatchObject({ enforcementMode: 'strict', thresholds: { summaryLength: 500 } })
    const env = { MEMMIMIC_AUDIT_ENVIRONMENT: 'development' }
    expect(resolved('environment: testing\ngovernance: { thresholds: { tagCount: 7 } }', env).governance).toMatchObject(
      {
        enforcementMode: 'permissive',
        thresholds: { tagCount: 7, contentSize: 2_000_000 },
      },
    )
  })

  test('take variables in the form that the setting wants', () => {
    const { log, server, logging, metrics, streams } = resolved(stream(), {
      MEMMIMIC_AUDIT_LOG__MAX_WAITING: '50',
      MEMMIMIC_AUDIT_LOG__FILE: '12',
      MEMMIMIC_AUDIT_SERVER__ALLOWED_HOSTS: 'a.example, b.example',
      MEMMIMIC_AUDIT_SERVER__NOT_READY_WHEN: '["frozen"]',
      MEMMIMIC_AUDIT_SERVER__ALLOW_REMOTE: 'true',
      MEMMIMIC_AUDIT_METRICS__THRESHOLDS__AUDIT_QUERY_TIME__P95: '12.5',
      MEMMIMIC_AUDIT_STREAMS__0__BATCH_ENTRIES: '9',
      MEMMIMIC_AUDIT_KEYS: 'my-keys',
      MEMMIMIC_AUDIT_SERVER__HOST: '',
      LOG_LEVEL: 'DEBUG',
    })
    expect(log).toMatchObject({ maxWaiting: 50, file: '12', keys: 'my-keys' })
    expect(server).toMatchObject({
      allowedHosts: ['a.example', 'b.example'],
      notReadyWhen: ['frozen'],
      allowRemote: true,
      host: '127.0.0.1',
    })
    expect(metrics.thresholds.audit_query_time).toEqual({ p95: 12.5 })
    expect(streams[0]).toMatchObject({ name: 'siem', batchEntries: 9 })
    expect(logging.level).toBe('debug')
  })

  test('take the places in a file as seen from the file, and others as they are', () => {
    const text =
      'log: { file: data/audit.db, keys: /keys }\nretention: { archive: ../archive }\nstreams:\n  - { name: a, to: { type: syslog, host: h, tls: { caFile: ca.pem } } }\n'
    const files = { '/etc/memmimic-audit/config.yaml': text }
    const { config } = resolveConfig(sourcesOf({ files, env: { MEMMIMIC_AUDIT_KEYS: 'my-keys' } }))
    expect(config.log).toMatchObject({ file: '/etc/memmimic-audit/data/audit.db', keys: 'my-keys' })
    expect(config.retention.archive).toBe('/etc/archive')
    expect(config.streams[0]).toMatchObject({ to: { tls: { caFile: '/etc/memmimic-audit/ca.pem' } } })
  })
})

describe('secrets', () => {
  const withSecrets = (secret: string) =>
    `${stream(`      headers: { authorization: ${JSON.stringify(secret)} }\n`)}detection:\n  sinks:\n    - { type: webhook, name: pager, url: 'https://pager.example', secret: ${JSON.stringify(secret)}, headers: { x-key: ${JSON.stringify(secret)} } }\n`

  test('are never printed, whatever they are', () => {
    const secret = fc.string({ minLength: 16, maxLength: 40, unit: 'grapheme-ascii' }).map(text => `secret/${text}`)
    fc.assert(
      fc.property(secret, text => {
        const resolved = resolveConfig(sourcesOf({ files: withSecrets(text) }))
        expect(resolved.config.streams[0]).toMatchObject({ to: { headers: { authorization: text } } })
        const printed = JSON.stringify([printedTree(resolved), printedSettings(resolved)]) + printedConfig(resolved)
        expect(printed).not.toContain('secret/')
        expect(printed.match(/\*{3}/g)!.length).toBe(9)
      }),
      { numRuns: 30 },
    )
  })

  test('are not repeated by a refusal', () => {
    const files = withSecrets('too short')
    expect(judgeConfig(sourcesOf({ files })).problems).toEqual([
      { at: `${usual}:9:75`, sentence: 'detection.sinks[0].secret must be a text of at least 16 characters' },
    ])
  })

  test('in a file that others can read are refused; a file without any may be read by all', () => {
    const sources = sourcesOf({ files: withSecrets('a long enough secret'), shared: [usual] })
    expect(() => resolveConfig(sources)).toThrow(expect.objectContaining({ code: 'bad_key' }))
    expect(() => resolveConfig(sources)).toThrow(`${usual} holds secrets and can be read by others: chmod 600 it`)
    const production = `environment: testing\nenvironments:\n  production:\n    ${withSecrets('a long enough secret').replaceAll('\n', '\n    ')}`
    expect(() => resolveConfig(sourcesOf({ files: production, shared: [usual] }))).toThrow('chmod 600')
    expect(resolveConfig(sourcesOf({ files: stream(), shared: [usual] })).config.streams).toHaveLength(1)
  })

  test('can each come from a file of its own, for its owner only', () => {
    const name = 'MEMMIMIC_AUDIT_DETECTION__SINKS__0__SECRET_FILE'
    const files = {
      [usual]: "detection:\n  sinks: [{ type: webhook, name: pager, url: 'https://pager.example' }]\n",
      '/run/secret': 'a long enough secret\n',
    }
    const env = { [name]: '/run/secret' }
    const { config, originOf } = resolveConfig(sourcesOf({ files, env }))
    expect(config.detection.sinks[0]).toMatchObject({ secret: 'a long enough secret' })
    expect(originText(originOf(['detection', 'sinks', 0, 'secret']))).toBe(name)
    expect(originText(originOf(['detection', 'sinks', 0, 'url']))).toBe(`${usual}:2:46`)
    expect(() => resolveConfig(sourcesOf({ files, env, shared: ['/run/secret'] }))).toThrow(
      `${name}: /run/secret can be read by others`,
    )
    expect(() => resolveConfig(sourcesOf({ files, env: { [name]: '/gone' } }))).toThrow(
      `${name}: there is no file /gone`,
    )
  })
})
