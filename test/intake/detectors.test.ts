import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { redactor } from '../../src/intake/redaction.ts'
import { type DetectorName, defaultIntakeSettings, detectorNames } from '../../src/intake/settings.ts'

const everything = redactor({
  ...defaultIntakeSettings.redaction,
  detectors: Object.fromEntries(detectorNames.map(name => [name, 'mask'])) as Record<DetectorName, 'mask'>,
})
const entry = { operation: 'remember', component: 'memory' }

/** A text as it would be kept with every detector on. */
const kept = (text: string): unknown => everything({ ...entry, operationResult: text }).operationResult
/** A value that looks like a key but was never one: spelled in two parts, so that nobody takes this file for a leak. */
const fake = (prefix: string, rest: string): string => prefix + rest
const alnum = 'abcDEF123456ghiJKL7890mnopQRSTuvwxYZ1234abcDEF5678'
const hex = '0123456789abcdef0123456789abcdef'

describe('a secret in a text', () => {
  it.each<[string, string, string]>([
    ['Anthropic', fake('sk-ant-api03-', alnum), '[redacted:api_key]'],
    ['OpenAI, with a project', fake('sk-proj-', `${alnum}_-${alnum}`), '[redacted:api_key]'],
    ['OpenAI, the old form', fake('sk-', alnum), '[redacted:api_key]'],
    ['Stripe', `${fake('sk_live_', alnum)}!`, '[redacted:api_key]!'],
    ['Stripe webhooks', fake('whsec_', alnum), '[redacted:api_key]'],
    [
      'GitHub',
      `clone https://${fake('ghp_', alnum.slice(0, 36))}@github.com/a/b`,
      'clone https://[redacted:api_key]/a/b',
    ],
    ['GitHub, fine-grained', fake('github_pat_', alnum), '[redacted:api_key]'],
    ['GitLab', fake('glpat-', alnum.slice(0, 20)), '[redacted:api_key]'],
    ['Slack', fake('xoxb-', '123456789012-123456789012-abcdefghijkl'), '[redacted:api_key]'],
    ['Amazon', `id=${fake('AKIA', 'IOSFODNN7EXAMPLE')},`, 'id=[redacted:api_key],'],
    ['Google', fake('AIza', alnum.slice(0, 35)), '[redacted:api_key]'],
    ['Google OAuth', fake('ya29.', alnum), '[redacted:api_key]'],
    ['SendGrid', fake('SG.', `${alnum.slice(0, 22)}.${alnum.slice(0, 43)}`), '[redacted:api_key]'],
    ['npm', fake('npm_', alnum.slice(0, 36)), '[redacted:api_key]'],
    ['PyPI', fake('pypi-', alnum + alnum), '[redacted:api_key]'],
    ['Hugging Face', fake('hf_', alnum.slice(0, 34)), '[redacted:api_key]'],
    ['DigitalOcean', fake('dop_v1_', hex + hex), '[redacted:api_key]'],
    ['Databricks', fake('dapi', hex), '[redacted:api_key]'],
    ['Telegram', `bot ${fake('123456789:AA', alnum.slice(0, 33))}`, 'bot [redacted:api_key]'],
    ['Vault', fake('hvs.', alnum), '[redacted:api_key]'],
    ['age', fake('AGE-SECRET-KEY-1', alnum.toUpperCase()), '[redacted:api_key]'],
    [
      'the seal key of a log of ours',
      fake('memmimic-audit-seal-key+', 'memmimic-audit.local/0011223344556677+a1b2+AAAA'),
      '[redacted:api_key]',
    ],
    ['a JWT', `t ${fake('eyJhbGciOiJIUzI1NiJ9', '.eyJzdWIiOiIxIn0.c2lnbmF0dXJl')}.`, 't [redacted:token].'],
    ['a JWT without a signature', fake('eyJhbGciOiJub25lIn0', '.eyJzdWIiOiIxIn0.'), '[redacted:token]'],
    ['a bearer token', 'Bearer abc123.def-456', 'Bearer [redacted:token]'],
    ['Basic credentials', `basic ${btoa('user:pass')}`, 'basic [redacted:token]'],
    ['a header', 'Authorization: Digest username="x"', 'Authorization: [redacted:password]"x"'],
    ['a cookie', 'Cookie: sid=31d4d96e407aad42', 'Cookie: [redacted:password]'],
    [
      'PEM',
      'a\n-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END RSA PRIVATE KEY-----\nb',
      'a\n[redacted:private_key]\nb',
    ],
    ['PEM of which the end is cut off', 'a -----BEGIN PRIVATE KEY-----\\nMIIE+/=\\nAAAA', 'a [redacted:private_key]'],
    [
      'PGP',
      '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nx\n-----END PGP PRIVATE KEY BLOCK-----',
      '[redacted:private_key]',
    ],
    ['a URL', 'postgres://app:p@ss:w0rd@db:5432/x', 'postgres://app:[redacted:password]@db:5432/x'],
    [
      'a connection string',
      'Server=db;User=sa;Password=hunter2;Encrypt=true',
      'Server=db;User=sa;Password=[redacted:password];Encrypt=true',
    ],
    ['the environment', 'export OPENAI_API_KEY="abc def" X=1', 'export OPENAI_API_KEY="[redacted:password]" X=1'],
    ['a query', '/cb?access_token=abc123&state=1', '/cb?access_token=[redacted:password]&state=1'],
    ['JSON', '{"password":"hun\\"ter","user":"bob"}', '{"password":"[redacted:password]","user":"bob"}'],
    [
      'JSON in JSON',
      '{"body":"{\\"password\\":\\"hunter2\\",\\"a\\":1}"}',
      '{"body":"{\\"password\\":\\"[redacted:password]\\",\\"a\\":1}"}',
    ],
    ['YAML', 'client_secret: abcdef', 'client_secret: [redacted:password]'],
    ['a flag', 'mysql --password hunter2 --host db', 'mysql --password [redacted:password] --host db'],
    [
      'an e-mail address',
      'from bob.ox+tag@mail.example.com, to zoë@exämple.org',
      'from [redacted:email], to [redacted:email]',
    ],
    ['a card number', 'Visa 4111 1111 1111 1111 exp 12/27', 'Visa [redacted:card_number] exp 12/27'],
    ['a card number in one run', 'pan:5555555555554444', 'pan:[redacted:card_number]'],
    ['American Express', '3782-822463-10005', '[redacted:card_number]'],
  ])('is found: %s', (_what, text, expected) => {
    expect(kept(text)).toBe(expected)
    expect(kept(`—\n${text}\n—`)).toBe(`—\n${expected}\n—`)
  })

  it.each([
    'the token count is 1532; max_tokens: 4096, next_page_token=',
    'Basic authentication and Bearer authentication are two schemes',
    'a password: string, b token: null, c secret = None, d password=***',
    'password=[redacted:password] token="[hashed:token:AAAAAAAAAAAAAAAAAAAAAA]"',
    'risk-assessment-of-the-whole-system and sk-learn-based-approach-to-everything',
    'https://example.com:8080/a@b?c=d and git@github.com:org/repo.git is no address of a person'.replace(
      'git@github.com',
      'git at github.com',
    ),
    'ids 4111 1111 1111 1112 and 4111111111111112, times 1763913600123456, uuid 01a00000-0000-7000-8000-000000000000',
    '0.4111111111111111 is a fraction',
    'my favourite cookie: chocolate; the key is under the mat; press any key: enter',
    '-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----',
    'eyJ is how base64 of {" begins; eyJabc.def is too short',
    'write to a@b or @mention or someone@localhost',
    'compare password == null && token === undefined',
  ])('is not seen where there is none: %s', text => {
    expect(kept(text)).toBe(text)
  })

  it('goes whatever stands around it, and what stands around it stays', () => {
    const secrets = [
      [fake('ghp_', alnum.slice(0, 36)), '[redacted:api_key]'],
      [fake('eyJhbGciOiJIUzI1NiJ9', '.eyJzdWIiOiIxIn0.c2ln'), '[redacted:token]'],
      ['-----BEGIN EC PRIVATE KEY-----AAA-----END EC PRIVATE KEY-----', '[redacted:private_key]'],
      ['4012888888881881', '[redacted:card_number]'],
    ] as const
    const around = fc.string({ unit: fc.constantFrom(...' \n\t,;{}[]()<>"\'zqj€🌍'), maxLength: 40 })
    fc.assert(
      fc.property(around, fc.constantFrom(...secrets), around, (before, [secret, mark], after) => {
        expect(kept(`${before} ${secret} ${after}`)).toBe(`${before} ${mark} ${after}`)
      }),
    )
  })

  it('is gone after one pass: the marks are no secrets', () => {
    const secret = fc.constantFrom(
      ...['password=hunter2', 'token: "abc def"', '{"secret":"x\\"y"}', 'Bearer abc.def-123', 'ftp://u:hunter2@host/'],
      ...[
        fake('sk-ant-', alnum),
        fake('eyJhbGciOi', '.eyJzdWIiOiIx.c2ln'),
        'Cookie: a=b',
        '--api-key x1y2z3',
        'api key := abc',
      ],
      ...[
        '4111111111111111',
        'bob@host.example',
        '-----BEGIN PRIVATE KEY-----AAAA',
        `Authorization: Basic ${btoa('a:b')}`,
      ],
    )
    fc.assert(
      fc.property(fc.array(secret, { maxLength: 8 }), fc.constantFrom(' ', '\n', ', ', '&'), (secrets, between) => {
        const once = kept(secrets.join(between))
        expect(kept(once as string)).toBe(once)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a hostile text', () => {
  const length = 1_000_000
  const pieces = [
    ...[
      'a',
      ' ',
      '"',
      '\\"',
      '\\\\',
      '@',
      '4',
      '4111 ',
      '-',
      'eyJ',
      'eyJaaaaaaaa.',
      'sk-',
      'sk-ant-',
      'ghp_',
      'AKIA',
      'SG.',
      'AGE-SECRET-KEY-1',
    ],
    ...[
      'password=',
      'password="',
      "password='x\\",
      'password:',
      'token',
      'token="\\\\"',
      '--password ',
      'authorization: ',
      'cookie: ',
      'secret \t',
    ],
    ...[
      '://',
      '://a:',
      '://a:b',
      'a@b.',
      '@a.',
      'a.',
      'Bearer ',
      'Basic AAAA',
      '-----BEGIN ',
      '-----BEGIN A PRIVATE KEY-----',
      '-----END ',
    ],
    ...['1 2 3 4 5 6 ', '3782 822463 1', '123456789:AA', 'memmimic-audit-seal-key+', 'x_-', '\u00e9@', 'passwd\n"'],
  ]
  it.each(pieces)('is looked through in time: %j, a million characters of it', piece => {
    const text = piece.repeat(Math.ceil(length / piece.length))
    const started = performance.now()
    kept(`${text}!`)
    kept(`${text.slice(0, length / 2)} password="x" a@b.example ${text.slice(0, length / 2)}`)
    expect(performance.now() - started).toBeLessThan(1500)
  })

  it('is looked at as far as the settings say, and the entry says that there was more', () => {
    const short = redactor({ ...defaultIntakeSettings.redaction, maxTextLength: 1000 })
    const arguments_ = ['x'.repeat(1001), `password=hunter2 ${'x'.repeat(2000)} password=hunter3`, 'password=hunter4']
    const { arguments: out, attributes } = short({ ...entry, arguments: arguments_ })
    expect(out).toEqual([
      arguments_[0],
      `password=[redacted:password] ${'x'.repeat(2000)} password=hunter3`,
      'password=[redacted:password]',
    ])
    expect(attributes).toEqual({ 'redaction.rules': 'password', 'redaction.count': 2, 'redaction.unscanned': 2 })
  })
})
