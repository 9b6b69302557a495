import { createHash } from 'node:crypto'
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { ExportSummary } from '../../src/export/export.ts'
import type { BundleReport } from '../../src/export/verify-bundle.ts'
import { homeIn, lines, makeHome } from './support.ts'

interface Made {
  readonly vkeys: Readonly<Record<string, string>>
}

describe('an export', () => {
  test('leaves as a file of its owner, and is on record with the digest of the file', async () => {
    const home = makeHome()
    await home.run(['init'])
    await home.run(['ingest', '-'], lines(30))
    for (const format of ['csv', 'syslog', 'bundle']) {
      const out = join(home.folder, `out.${format}`)
      const [said] = await home.json<ExportSummary>(['export', '--format', format, '--outcome', 'failure', '-o', out])
      const digest = createHash('sha256').update(readFileSync(out)).digest('hex')
      expect(said).toMatchObject({ format, entries: 3, digest, bytes: statSync(out).size, unreadable: 0, file: out })
      expect(statSync(out).mode & 0o077).toBe(0)
      const [entry] = await home.json(['show', String(said!.receipt!.seq)])
      expect(entry).toMatchObject({
        operation: 'access.export',
        attributes: { format, entries: 3, digest },
        actor: { type: 'operator' },
        filter: { outcome: ['failure'] },
      })
    }
    const [piped, disclosed] = await Promise.all([
      home.run(['export', '--format', 'cef', '--disclose', 'none', '--limit', '1']),
      home.run(['export', '--format', 'ocsf', '--disclose', 'memoryId', '--outcome', 'failure']),
    ])
    expect(piped.code).toBe(2)
    expect(disclosed.code).toBe(0)
    expect(disclosed.stdout).toContain('mem_20')
    expect(disclosed.stdout).not.toContain('agent-')
    expect(await home.verifiedSize()).toBe(35)
  })

  test('of a log that cannot be written works, and says that nobody will know', async () => {
    const home = makeHome()
    await home.run(['init'])
    await home.run(['ingest', '-'], lines(5))
    renameSync(join(home.keys, 'ed25519.pem'), join(home.keys, 'ed25519.away'))
    const { code, stdout, stderr } = await home.run(['export', '--format', 'bundle'])
    expect(code).toBe(0)
    expect(stderr).toContain('could not be recorded')
    const out = join(home.folder, 'evidence.bundle')
    writeFileSync(out, stdout)
    expect((await home.run(['verify', '--bundle', out])).code).toBe(0)
  })
})

describe('verify --bundle', () => {
  test('needs neither log nor keys, and ends as the contract says', async () => {
    const home = makeHome()
    const [made] = await home.json<Made>(['init'])
    const vkeys = Object.values(made!.vkeys).flatMap(vkey => ['--vkey', vkey])
    await home.run(['ingest', '-'], lines(20))
    const anchor = join(home.folder, 'anchor')
    writeFileSync(anchor, (await home.run(['checkpoint', '--sign'])).stdout)
    const [whole, selection, changed, text] = ['whole', 'selection', 'changed', 'text'].map(name =>
      join(home.folder, name),
    ) as [string, string, string, string]
    await home.run(['ingest', '-'], lines(5))
    await home.run(['export', '--format', 'bundle', '-o', whole, '--anchor', anchor])
    await home.run(['export', '--format', 'bundle', '-o', selection, '--outcome', 'failure'])
    writeFileSync(changed, readFileSync(whole, 'utf8').replace('task 7', 'task 8'))
    writeFileSync(text, 'Dear all,\n')

    // Elsewhere: a home without anything.
    const there = homeIn(join(home.folder, 'elsewhere'))
    const codes = async (...cases: string[][]) =>
      (await Promise.all(cases.map(args => there.run(['verify', '--bundle', ...args])))).map(({ code }) => code)
    expect(
      await codes(
        [whole, '--complete'],
        [whole, ...vkeys, '--anchor', anchor],
        [selection],
        [selection, '--complete'],
        [selection, '--anchor', anchor],
        [changed],
        [text],
        [text, ...vkeys],
        [join(home.folder, 'nothing')],
        [whole, '--from', '3'],
        [whole, '--vkey', 'nonsense'],
      ),
    ).toEqual([0, 0, 0, 6, 4, 3, 4, 3, 4, 2, 2])

    const run = await there.run(['verify', '--bundle', whole, ...vkeys, '--anchor', anchor])
    expect(run.stdout).toMatch(/^verified: nothing was changed, nothing is missing\n/)
    expect(run.stdout).toContain('anchored: a checkpoint remembered outside the file agrees')
    expect(run.stdout).toMatch(/holds {5}0-25\n/)
    const found = await there.run(['verify', '--bundle', changed, '--json'])
    const report = JSON.parse(found.stdout) as BundleReport
    expect(report).toMatchObject({ valid: false, complete: true, trust: 'chained', firstUntrusted: 8 })
    expect(report.findings).toMatchObject([{ type: 'disclosure_mismatch', seq: 8, actual: 'userContext' }])
    const piped = await there.run(['verify', '--bundle', '-', '--json'], readFileSync(whole))
    expect(JSON.parse(piped.stdout)).toMatchObject({ valid: true, entries: 26 })
  })
})
