import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Tamper } from '../../src/attack/tamper.ts'
import { ended, lines, makeHome } from './support.ts'

describe('a log on the command line', () => {
  test('is made, appended to, asked, proved, exported and verified', { timeout: 60_000 }, async () => {
    const home = makeHome()
    const init = await home.run(['init', '--origin', 'example.com/cli', '--json'])
    expect(init.code).toBe(0)
    const made = JSON.parse(init.stdout)
    expect(Object.keys(made)).toEqual(['origin', 'log', 'keys', 'vkeys', 'sealKey'])
    expect(made).toMatchObject({ origin: 'example.com/cli', log: home.file, keys: home.keys })
    expect(made.sealKey).toMatch(/^memmimic-audit-seal-key\+example\.com\/cli\+\S+\+0\+[0-9a-f]{64}$/)
    expect(readFileSync(join(home.keys, 'seal.key'), 'utf8')).not.toBe('')

    // Global flags stand on either side of the command.
    const flags = ['--operation', 'remember', '--component', 'memory', '--memory-id', 'mem_1', '--outcome', 'success']
    const more = ['--actor', 'agent:claude', '--context', '{"why":"a ‮trick"}', '--result', '[1,2]', '--session', 's1']
    const rest = ['--security-level', 'secret', '--flag', 'gdpr', '--flag', 'audit', '--metric', 'ms=1.5']
    const first = await home.run(['--json', 'append', ...flags, ...more, ...rest, '--governance', 'approved'])
    expect(first).toMatchObject({ code: 0, stderr: '' })
    const receipt = JSON.parse(first.stdout)
    expect(Object.keys(receipt)).toEqual(['seq', 'id', 'entryHash', 'time'])
    expect(receipt.seq).toBe(1)
    const bom =
      '\ufeff{"operation":"recall","component":"memory","memoryId":42,\r\n "attributes":{"gen_ai.tool.name":"recall"}}\r\n'
    expect(JSON.parse((await home.run(['append', '-', '--json'], bom)).stdout).seq).toBe(2)

    const [entry] = await home.json<Record<string, unknown>>(['show', receipt.id])
    expect(entry).toMatchObject({
      seq: 1,
      memoryId: 'mem_1',
      actor: { type: 'agent', id: 'claude' },
      userContext: { why: 'a \u202etrick' },
      operationResult: [1, 2],
      session: 's1',
      securityLevel: 'secret',
      complianceFlags: ['audit', 'gdpr'],
      performanceMetrics: { ms: 1.5 },
      governanceStatus: 'approved',
      entryHash: receipt.entryHash,
    })
    expect((entry!.disclosures as unknown[]).length).toBe(5)

    const human = await home.run(['show', '1'])
    expect(human.stdout).toContain('\\u{202e}')
    const listed = await home.run(['query'])
    expect(listed.stdout.split('\n').map(line => line.trim().split(/ +/)[0])).toEqual(['seq', '2', '1', '0', ''])
    expect(listed.stdout).toContain('recall recall')
    expect(`${human.stdout}${listed.stdout}`).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e]/)
    const shown = await home.run(['show', '1', '--json'])
    expect(shown.stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u202a-\u202e]/)
    expect(await home.json(['query', '--text', '"a ‮trick"'])).toMatchObject([{ seq: 1 }])
    expect(await home.json(['query', '--where', 'operationResult.1 eq 2', '--where', 'seq lt 5'])).toMatchObject([
      { seq: 1 },
    ])
    expect(await home.json(['query', '--limit', '1', '--after', '2'])).toMatchObject([{ seq: 1 }])
    expect(await home.json(['tail', '-n', '2'])).toMatchObject([{ seq: 1 }, { seq: 2 }])

    const [leafFile, proofFile] = [join(home.folder, 'leaf'), join(home.folder, 'proof')]
    writeFileSync(leafFile, (await home.run(['show', '1', '--leaf'])).stdout)
    expect(await home.run(['prove', receipt.id, '-o', proofFile, '--quiet'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    const prove = ['verify-proof', '--proof', proofFile, '--leaf', leafFile]
    const proved = await home.run([...prove, '--vkey', made.vkeys.ed25519, '--vkey', made.vkeys.mldsa44, '--json'])
    expect(proved.code).toBe(0)
    expect(JSON.parse(proved.stdout)).toMatchObject({ valid: true, index: 1, size: 3, entryHash: receipt.entryHash })
    const forged = join(home.folder, 'forged')
    writeFileSync(forged, readFileSync(leafFile, 'utf8').replace('remember', 'forgotten'))
    const stranger = makeHome()
    const [other] = await stranger.json<typeof made>(['init'])
    const codes = await Promise.all([
      home.run(['verify-proof', '--proof', proofFile, '--leaf', forged, '--vkey', made.vkeys.ed25519]),
      home.run([...prove, '--vkey', `${made.vkeys.ed25519}x`]),
      home.run([...prove, '--vkey', other.vkeys.ed25519]),
      home.run(['verify-proof', '--proof', `${proofFile}.gone`, '--leaf', leafFile, '--vkey', made.vkeys.ed25519]),
      home.run(['verify-proof', '--proof', leafFile, '--leaf', leafFile, '--vkey', made.vkeys.ed25519]),
      home.run([...prove]),
    ])
    expect(codes.map(({ code }) => code)).toEqual([3, 2, 4, 4, 3, 2])

    const anchor = join(home.folder, 'anchor')
    writeFileSync(anchor, (await home.run(['checkpoint'])).stdout)
    const sealKey = join(home.folder, 'k0')
    writeFileSync(sealKey, `${made.sealKey}\n`)
    const verify = ['verify', '--complete', '--deep', '--anchor', anchor, '--seal-key', sealKey]
    const verified = await home.run([...verify, '--vkey', made.vkeys.ed25519, '--vkey', made.vkeys.mldsa44])
    expect(verified.code).toBe(0)
    expect(verified.stdout).toMatch(/^verified: nothing was changed, nothing is missing\n/)
    expect(verified.stdout).toContain('anchored: a checkpoint remembered outside the file agrees')
    const [report] = await home.json<Record<string, unknown>>([...verify, '--from', '1', '--to', '2'])
    expect(report).toMatchObject({
      valid: true,
      complete: true,
      trust: 'anchored',
      entries: 1,
      size: 3,
      findings: [],
      declared: [],
    })

    const out = join(home.folder, 'out.jsonl')
    expect((await home.run(['export', '--format', 'jsonl', '--component', 'memory', '-o', out])).code).toBe(0)
    const exported = readFileSync(out, 'utf8').trimEnd().split('\n')
    expect(exported.map(line => JSON.parse(line).seq)).toEqual([1, 2])
    expect(statSync(out).mode & 0o077).toBe(0)
    expect((await home.run(['export', '--format', 'pdf'])).code).toBe(2)
    expect(await home.json(['status'])).toMatchObject([
      { origin: 'example.com/cli', size: 4, signed: 4, anchored: 4, openIntents: 0, encrypted: true },
    ])
    expect((await home.run(['doctor'])).code).toBe(0)
    expect(await home.json(['checkpoint', '--sign'])).toMatchObject([{ origin: 'example.com/cli', size: 4 }])
    expect((await home.run(['init'])).code).toBe(1)
  })

  test('says what is missing, and fails for it only when asked to', async () => {
    const home = makeHome()
    await home.run(['init'])
    const [intent] = await home.json<{ id: string }>([
      'append',
      '--operation',
      'pay',
      '--component',
      'bank',
      '--kind',
      'intent',
    ])
    const open = await home.run(['verify'])
    expect(open.code).toBe(0)
    expect(open.stdout).toMatch(/^verified: nothing was changed\n/)
    expect(open.stdout).toContain('pay was about to happen')
    expect((await home.run(['verify', '--complete'])).code).toBe(6)
    const outcome = ['--operation', 'pay', '--component', 'bank', '--kind', 'outcome', '--outcome', 'success']
    expect((await home.run(['append', ...outcome, '--intent', intent!.id])).code).toBe(0)
    expect((await home.run(['verify', '--complete'])).code).toBe(0)
  })

  test('is followed as it grows, by tail -f, until interrupted', async () => {
    const home = makeHome()
    await home.run(['init'])
    const child = home.start(['tail', '-f', '--json'])
    const tail = ended(child)
    const seen: string[] = []
    child.stdout.on('data', text => seen.push(text))
    while (seen.length === 0) await sleep(20)
    await home.run(['ingest', '-'], lines(3))
    while (!seen.join('').includes('"seq":3')) await sleep(20)
    child.kill('SIGINT')
    const { code, stdout, stderr } = await tail
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(
      stdout
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line).seq),
    ).toEqual([0, 1, 2, 3])
  })

  test('is counted instead of listed: how many, which values, and when', async () => {
    const home = makeHome()
    await home.run(['init'])
    const entry = (i: number) => ({
      operation: i < 4 ? 'remember' : 'recall',
      component: 'memory',
      outcome: i === 5 ? 'failure' : 'success',
      actor: { type: 'agent', id: 'claude' },
      operationResult: { data: { content: `It's No. ${i}` } },
    })
    await home.run(['ingest', '-', '--quiet'], Array.from({ length: 6 }, (_, i) => JSON.stringify(entry(i))).join('\n'))
    expect((await home.run(['query', '--count'])).stdout).toBe('7 entries\n')
    const where = ['--where', "operationResult.data.content contains 'it''s no'", '--ignore-case']
    expect(await home.json(['query', '--count', '--exact', ...where])).toEqual([{ count: 6, exact: true, margin: 0 }])
    expect((await home.run(['query', '--count', ...where.slice(0, 2)])).stdout).toBe('0 entries\n')
    expect(await home.json(['query', '--facets', 'operation', 'actor', '--limit', '1'])).toEqual([
      { field: 'operation', values: [{ value: 'remember', count: 4 }], exact: true },
      { field: 'actor', values: [{ value: 'agent:claude', count: 6 }], exact: true },
    ])
    const facets = await home.run(['query', '--facets', 'operation', 'session'])
    expect(facets.stdout).toBe('operation\n  4  remember\n  2  recall\n  1  log.created\n\nsession\n  none\n')
    const [histogram] = await home.json<{ buckets: { count: number }[] }>(['query', '--histogram', '1h', ...where])
    expect(histogram!.buckets.reduce((sum, { count }) => sum + count, 0)).toBe(6)
    const shown = await home.run(['query', '--histogram', '1d', '--component', 'memory'])
    expect(shown.stdout).toMatch(/^\d{4}-\d\d-\d\d 00:00:00\.000 {2}6 {2}█+ {2}1 failed\n$/)
  })

  test('warns where an entry that it shows is not as it was', async () => {
    const home = makeHome()
    await home.run(['init', '--encryption', 'none'])
    await home.run(['ingest', '-', '--quiet'], lines(5))
    const tamper = Tamper.open(home.file, undefined)
    tamper.edit(3, { outcome: 'denied' })
    tamper.save().close()
    const shown = await home.run(['query', '--json'])
    expect(
      shown.stdout
        .trimEnd()
        .split('\n')
        .map(line => JSON.parse(line).outcome),
    ).toContain('denied')
    expect(shown.stderr).toMatch(/entry 3 was changed.*; run verify\n/)
    expect(shown.code).toBe(0)
  })

  test('ends quietly when nobody reads on, and shows colour only where it is wanted', async () => {
    const home = makeHome()
    await home.run(['init'])
    await home.run(['ingest', '-', '--quiet'], lines(3000))
    const child = home.start(['query', '--json', '--limit', 'all'])
    const run = ended(child)
    child.stdout.once('data', () => child.stdout.destroy())
    expect(await run).toMatchObject({ code: 0, stderr: '' })
    const [plain, forced, refused] = await Promise.all([
      home.run(['query', '--limit', '1']),
      home.run(['query', '--limit', '1'], '', { FORCE_COLOR: '1' }),
      home.run(['query', '--limit', '1', '--no-color'], '', { FORCE_COLOR: '1' }),
    ])
    expect(plain.stdout).not.toContain('\u001b')
    expect(forced.stdout).toContain('\u001b[3')
    expect(refused.stdout).toBe(plain.stdout)
  })
})

describe('wrong usage', () => {
  test('is said in one line that helps, and ends with 2', async () => {
    const home = makeHome()
    const cases: [args: string[], says: string][] = [
      [['verfy'], 'verify'],
      [['retention', 'walk'], 'run'],
      [['append', '--opration', 'x'], '--operation'],
      [['append', '--operation', 'x'], '--component'],
      [['append', '--operation', 'x', '--component', 'c', '--outcome', 'fine'], 'success'],
      [['append', '--operation', 'x', '--component', 'c', '--metric', 'ms=fast'], 'NAME=NUMBER'],
      [['append', '--operation', 'x', '--component', 'c', '--actor', 'claude'], 'TYPE:ID'],
      [['append', '--operation', 'x', '--component', 'c', '--context', '{a:1}'], 'JSON'],
      [['append', 'file.json'], 'stdin'],
      [['query', '--limit', '-3'], 'whole number'],
      [['query', '--since', 'yesterday'], '--since'],
      [['query', '--outcome', 'sucess'], 'success'],
      [['query', '--where', 'operatoin eq x'], 'operation'],
      [['show', 'abc'], 'number or its id'],
      [['show'], 'entry'],
      [['verify', '--from', '5', '--to', '2'], '--to'],
      [['verify', '--vkey', 'nonsense'], '--vkey'],
      [['export'], '--format'],
      [['init', '--origin', 'with space'], 'origin'],
      [['mcp-proxy'], '--'],
    ]
    await home.run(['init'])
    const runs = await Promise.all(cases.map(async ([args, says]) => ({ args, says, ...(await home.run(args)) })))
    for (const { args, says, code, stdout, stderr } of runs) {
      expect({ args, code, stdout, lines: stderr.split('\n').length }).toEqual({ args, code: 2, stdout: '', lines: 2 })
      expect(stderr).toMatch(/^memmimic-audit: /)
      expect(stderr, args.join(' ')).toContain(says)
    }
    expect(await home.verifiedSize()).toBe(1)
  })

  test('no log is a sentence that asks for init, and makes nothing', async () => {
    const home = makeHome()
    const runs = await Promise.all(
      [['status'], ['query'], ['ingest', '-'], ['checkpoint', '--sign'], ['export', '--tiles', 'x']].map(args =>
        home.run(args),
      ),
    )
    for (const { code, stderr } of runs) {
      expect(code).toBe(1)
      expect(stderr).toMatch(/^memmimic-audit: there is no log at .*: make one with memmimic-audit init\n$/)
    }
    expect((await home.run(['doctor'])).code).toBe(1)
    expect(existsSync(home.file)).toBe(false)
    expect((await home.run(['--help'])).code).toBe(0)
    expect((await home.run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect((await home.run([])).code).toBe(2)
  })
})
