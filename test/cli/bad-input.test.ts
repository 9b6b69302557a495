/** What must not get in, and must not get the log into trouble either. */
import { randomFillSync } from 'node:crypto'
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3-multiple-ciphers'
import { expect, test } from 'vitest'
import { type Home, homeIn, makeHome } from './support.ts'

const bytes = (...parts: (string | number[])[]) =>
  Buffer.concat(parts.map(part => (typeof part === 'string' ? Buffer.from(part) : Buffer.from(part))))
const entry = (members: string) => `{"operation":"o","component":"c",${members}}`

/** What is fed to `append -`, and what the one line on stderr says. */
const entries: [name: string, input: string | Uint8Array, says: RegExp][] = [
  ['nothing', '', /ends too early/],
  ['broken JSON', '{"operation":"o",', /column/],
  ['two values', '{} {}', /text after/],
  ['a list', '[]', /object/],
  ['a number', '7', /object/],
  ['null', 'null', /object/],
  ['broken UTF-8', bytes('{"operation":"', [0xff], '"}'), /UTF-8 \(byte 14\)/],
  ['an unfinished character', bytes('{"operation":"', [0xe2, 0x82], '"}'), /UTF-8 \(byte 16\)/],
  ['UTF-16', Buffer.from('\ufeff{"operation":"o","component":"c"}', 'utf16le'), /UTF-8 \(byte 0\)/],
  ['a lone surrogate', entry('"userContext":"\\ud800"'), /\$\.userContext: .*lone surrogate/],
  ['a duplicate name', entry('"operation":"p"'), /\$\.operation: the name stands twice/],
  ['a hidden duplicate', entry('"userContext":{"a":1,"\\u0061":2}'), /twice/],
  ['NaN', entry('"userContext":NaN'), /not a JSON value/],
  ['Infinity', entry('"userContext":-Infinity'), /not a JSON value/],
  ['1e400', entry('"userContext":1e400'), /too large/],
  ['2^53', entry('"userContext":[9007199254740993]'), /userContext\[0\]: .*beyond/],
  ['too deep', entry(`"userContext":${'['.repeat(200)}${']'.repeat(200)}`), /nested deeper/],
  ['too large a value', entry(`"userContext":"${'x'.repeat(17 * 1024 * 1024)}"`), /\$\.userContext: .*limit/],
  ['too large a leaf', entry(`"attributes":{"a":"${'x'.repeat(70_000)}"}`), /limit is 65535/],
  ['a wrong type', entry('"outcome":1'), /\$\.outcome/],
  ['a text for a list', entry('"complianceFlags":"gdpr"'), /\$\.complianceFlags/],
  ['a text for a number', entry('"performanceMetrics":{"ms":"1"}'), /performanceMetrics\.ms/],
  ['a missing member', '{"operation":"o"}', /\$\.component: is missing/],
  ['an empty name', '{"operation":"","component":"c"}', /1–256/],
  ['too long a name', `{"operation":"${'o'.repeat(257)}","component":"c"}`, /1–256/],
  ['a NUL', '{"operation":"a\\u0000b","component":"c"}', /control characters/],
  ['a raw control character', '{"operation":"a\u0007b","component":"c"}', /raw control character/],
  ['an escape sequence for the terminal', '{"operation":"a\\u001b[2Jb","component":"c"}', /control characters/],
  ['a misspelt member', entry('"memory_id":"m"'), /did you mean memoryId/],
  ['a member of the log', entry('"seq":1'), /the log itself/],
  ['a control entry', entry('"kind":"control"'), /\$\.kind/],
  ['__proto__', entry('"__proto__":{"a":1}'), /__proto__|no member/],
  ['an intent that is none', entry('"kind":"outcome","intent":"x"'), /UUIDv7/],
  ['a name in the way', entry('"sealed":{"actor":1}'), /place of its own/],
  ['a NUL\u001b[31m in a name', entry('"\\u001b[31mred":1'), /\$\["\\u001b|\\u\{1b\}/],
]

test('a bad entry is refused in one line, and the log is as it was', { timeout: 90_000 }, async () => {
  const home = makeHome()
  await home.run(['init'])
  const queue = [...entries]
  const work = async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      const [name, input, says] = next
      const { code, stdout, stderr } = await home.run(['append', '-'], input)
      expect({ name, code, stdout, lines: stderr.split('\n').length }).toEqual({ name, code: 1, stdout: '', lines: 2 })
      expect(stderr, name).toMatch(/^memmimic-audit: [^\u0000-\u0009\u000b-\u001f]+\n$/)
      expect(stderr, name).toMatch(says)
    }
  }
  await Promise.all([work(), work(), work()])
  expect(await home.verifiedSize()).toBe(1)
})

test('the same lines in a file are refused by number and kept, and the good ones go in', async () => {
  const home = makeHome()
  await home.run(['init'])
  const bad = entries.filter(([, input]) => input.length > 0 && input.length < 1000)
  const input = Buffer.concat(
    bad.flatMap(([, line], i) => [
      bytes(entry(`"memoryId":${i}`), '\r\n\n'),
      bytes('  \n', [...Buffer.from(line)], '\n'),
    ]),
  )
  const file = join(home.folder, 'in.jsonl')
  const rejects = join(home.folder, 'rejects')
  writeFileSync(file, bytes('\ufeff', [...input]))
  const { code, stdout, stderr } = await home.run(['ingest', file, '--rejects', rejects, '--json'])
  expect(code).toBe(1)
  const receipts = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line).seq)
  expect(receipts).toEqual(bad.map((_, i) => i + 1))
  const said = stderr.trimEnd().split('\n')
  // UTF-16 brings a line end of its own; twenty are named, then they are counted.
  expect(said.slice(0, 20).every(line => /^memmimic-audit: line \d+: \$/.test(line))).toBe(true)
  expect(said[0]).toMatch(/line 4: /)
  expect(said.at(-2)).toMatch(/counted/)
  expect(said.at(-1)).toBe(`memmimic-audit: ${bad.length} entries are in the log, ${bad.length} lines were not taken`)
  expect(readFileSync(rejects)).toEqual(Buffer.concat(bad.map(([, line]) => bytes([...Buffer.from(line)], '\n'))))
  expect(await home.verifiedSize()).toBe(bad.length + 1)
})

/** What is done to a log's surroundings, what then fails in one line, and how it ends: for `append` and for `verify`. */
const surroundings: [name: string, harm: (home: Home) => void, append: number, verify: number, says: RegExp][] = [
  ['a folder as log', home => replace(home, () => mkdirSync(home.file)), 1, 3, /not a file/],
  [
    'a text as log',
    home => replace(home, () => writeFileSync(home.file, 'dear diary\n')),
    1,
    3,
    /not a memmimic-audit log/,
  ],
  [
    'noise as log',
    home => replace(home, () => writeFileSync(home.file, noise(4096 * 8))),
    1,
    3,
    /not a memmimic-audit log/,
  ],
  [
    'an empty file as log',
    home => replace(home, () => writeFileSync(home.file, '')),
    1,
    3,
    /not one of memmimic-audit/,
  ],
  ['a plain database as log', home => replace(home, () => plainDatabase(home.file)), 1, 3, /unencrypted/],
  ['a newer schema', home => edit(home, db => db.pragma('user_version=99')), 1, 4, /newer memmimic-audit/],
  [
    'a wrong storage key',
    home => put(home, 'storage.key', `${'ab'.repeat(32)}\n`),
    1,
    4,
    /not the key that this log was made with/,
  ],
  ['a broken storage key', home => put(home, 'storage.key', 'hello\n'), 1, 4, /64 hex digits/],
  ['a key that others can read', home => chmodSync(join(home.keys, 'storage.key'), 0o644), 1, 4, /chmod 600/],
  ['broken verifier keys', home => put(home, 'log.vkeys', 'nothing\n'), 1, 4, /verifier key/],
  ['a broken signing key', home => put(home, 'ed25519.pem', 'nothing\n'), 1, 0, /not a private key/],
  ['no keys', home => replaceKeys(home), 1, 4, /there are no keys/],
]

test.for(surroundings)(
  '%s: one line, the right exit code, and nothing is written',
  async ([, harm, append, verify, says]) => {
    const whole = makeHome()
    await whole.run(['init'])
    const home = homeIn(join(whole.folder, 'copy'))
    for (const part of ['data', 'config'])
      cpSync(join(whole.folder, part), join(home.folder, part), { recursive: true })
    harm(home)
    const [appended, verified] = await Promise.all([
      home.run(['append', '--operation', 'o', '--component', 'c']),
      home.run(['verify', '--json']),
    ])
    expect(appended).toMatchObject({ code: append, stdout: '' })
    expect(appended.stderr).toMatch(/^memmimic-audit: [^\n]+\n$/)
    expect(appended.stderr).toMatch(says)
    expect(verified.code).toBe(verify)
    if (verify === 3) {
      expect(verified.stderr).toBe('')
      expect(JSON.parse(verified.stdout)).toMatchObject({
        valid: false,
        trust: 'anchored',
        findings: [{ severity: expect.any(String) }],
      })
    }
    if (verify === 4) expect(verified.stderr).toMatch(/^memmimic-audit: [^\n]+\n$/)
  },
)

test('a place that cannot be written is a sentence, also for root', async () => {
  const home = makeHome()
  const blocked = join(home.folder, 'file')
  writeFileSync(blocked, '')
  const init = await home.run(['init', '--log', join(blocked, 'below', 'audit.db'), '--keys', join(home.folder, 'k')])
  expect(init.code).toBe(1)
  expect(init.stderr).toMatch(/^memmimic-audit: the log could not be made: [^\n]+\n$/)
  await home.run(['init'])
  const output = await home.run(['export', '--format', 'jsonl', '-o', join(blocked, 'out.jsonl')])
  expect(output).toMatchObject({ code: 1, stdout: '' })
  expect(output.stderr).toMatch(/could not be written: its folder is not there\n$/)
  expect(await home.verifiedSize()).toBe(1)
})

function replace({ file }: Home, put: () => void): void {
  for (const end of ['', '-wal', '-shm']) rmSync(file + end, { force: true })
  put()
}

function replaceKeys({ keys }: Home): void {
  rmSync(keys, { recursive: true })
}

function put({ keys }: Home, name: string, text: string): void {
  writeFileSync(join(keys, name), text, { mode: 0o600 })
}

function edit({ file, keys }: Home, work: (db: Database) => void): void {
  const db = new Database(file)
  db.pragma("cipher='sqlcipher'")
  db.pragma('legacy=4')
  db.pragma(`key="x'${readFileSync(join(keys, 'storage.key'), 'utf8').trim()}'"`)
  work(db)
  db.close()
}

function plainDatabase(file: string): void {
  const db = new Database(file)
  db.exec('CREATE TABLE t (a)')
  db.close()
}

function noise(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length))
}
