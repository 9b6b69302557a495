/** Which error and which state of a log leads to which exit code. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ExitCode, exitCodeOf, PipeClosed, UsageError } from '../../src/cli/failure.ts'
import { AuditError, type AuditErrorCode } from '../../src/core/errors.ts'
import { judgeRemains, type Remains } from '../../src/trail/unreadable.ts'
import { type Home, homeIn, lines } from './support.ts'

test('every error has its exit code, and where a log is judged some mean that no one can tell', () => {
  const table: Record<AuditErrorCode, [working: ExitCode, judging: ExitCode]> = {
    bad_input: [1, 1],
    bad_format: [1, 4],
    bad_signature: [3, 3],
    bad_proof: [3, 3],
    not_found: [1, 4],
    already_exists: [1, 1],
    bad_key: [1, 4],
    newer_schema: [1, 4],
    damaged: [3, 3],
    frozen: [1, 1],
    not_allowed: [1, 1],
    closed: [1, 1],
    busy: [75, 75],
    io: [1, 4],
  }
  for (const [code, [working, judging]] of Object.entries(table) as [AuditErrorCode, [ExitCode, ExitCode]][]) {
    const error = new AuditError(code, 'x')
    expect([code, exitCodeOf(error), exitCodeOf(error, 'judging')]).toEqual([code, working, judging])
  }
  expect(exitCodeOf(new UsageError('x'), 'judging')).toBe(2)
  expect(exitCodeOf(new PipeClosed())).toBe(0)
  expect(exitCodeOf(new Error('a defect'))).toBe(1)
})

test('what is left of a log is a finding only where something remembers better', () => {
  const remembered = { origin: 'o', size: 9, root: new Uint8Array(32), extensions: [] }
  const table: [Remains, keyIsRight: boolean, withAnchor: string | undefined, without: string | undefined][] = [
    ['missing', true, 'rollback', undefined],
    ['empty', true, 'rollback', undefined],
    ['cut', true, 'rollback', undefined],
    ['broken', true, 'rollback', undefined],
    ['foreign', true, 'foreign_entry', 'foreign_entry'],
    ['locked', true, 'foreign_entry', 'foreign_entry'],
    ['locked', false, undefined, undefined],
  ]
  for (const [remains, keyIsRight, withAnchor, without] of table) {
    expect(judgeRemains(remains, 'f', remembered, keyIsRight)?.type).toBe(withAnchor)
    expect(judgeRemains(remains, 'f', undefined, keyIsRight)?.type).toBe(without)
  }
})

describe('verify on what is left of a log', () => {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-verdict-'))
  const whole = homeIn(join(folder, 'whole'))
  const other = homeIn(join(folder, 'other'))
  let count = 0
  beforeAll(async () => {
    for (const home of [whole, other]) {
      await home.run(['init'])
      await home.run(['ingest', '-'], lines(600))
    }
    // So that the file is whole without its -wal.
    for (const home of [whole, other]) await home.run(['append', '--operation', 'o', '--component', 'c'])
  })
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  const half = (file: string) => Math.floor(statSync(file).size / 8192) * 4096
  /** What is done to a copy; the exit code with the anchor beside the keys, and without; the finding. */
  const table: [name: string, harm: (home: Home) => void, anchored: number, alone: number, finding: string][] = [
    ['nothing was done', () => {}, 0, 0, ''],
    ['the file is gone', ({ file }) => rmSync(file), 3, 4, 'rollback'],
    ['the file is empty', ({ file }) => truncateSync(file), 3, 4, 'rollback'],
    ['the file is cut in the middle of a page', ({ file }) => truncateSync(file, half(file) + 77), 3, 4, 'rollback'],
    ['the file is cut between two pages', ({ file }) => truncateSync(file, half(file)), 3, 4, 'rollback'],
    ['the file is another log', ({ file }) => cpSync(other.file, file), 3, 3, 'foreign_entry'],
    ['the file is a note', ({ file }) => writeFileSync(file, 'gone fishing'), 3, 4, 'rollback'],
    ['the file is overwritten in the middle', ({ file }) => scribble(file), 3, 4, 'rollback'],
    [
      'the storage key is another',
      ({ keys }) => cpSync(join(other.keys, 'storage.key'), join(keys, 'storage.key')),
      4,
      4,
      '',
    ],
    ['the storage key is gone', ({ keys }) => rmSync(join(keys, 'storage.key')), 4, 4, ''],
    ['all keys are gone', ({ keys }) => rmSync(keys, { recursive: true }), 4, 4, ''],
    ['all is gone', ({ file, keys }) => [file, keys].map(path => rmSync(path, { recursive: true })), 4, 4, ''],
  ]

  test.for(table)('%s', async ([name, harm, anchored, alone, finding]) => {
    for (const code of [anchored, alone]) {
      const home = homeIn(join(folder, `copy-${count++}`))
      for (const part of ['data', 'config'])
        cpSync(join(whole.folder, part), join(home.folder, part), { recursive: true })
      for (const end of ['-wal', '-shm']) {
        if (end === '-wal') expect(existsSync(home.file + end) ? statSync(home.file + end).size : 0).toBe(0)
        rmSync(home.file + end, { force: true })
      }
      if (code === alone && alone !== anchored) rmSync(join(home.keys, 'anchor'))
      harm(home)
      const run = await home.run(['verify', '--json'])
      expect([name, run.code, run.stderr]).toEqual([name, code, expect.any(String)])
      if (code === 4) {
        expect(run.stdout).toBe('')
        expect(run.stderr).toMatch(/^memmimic-audit: [^\n]+\n$/)
      } else {
        const report = JSON.parse(run.stdout)
        expect(report.valid).toBe(code === 0)
        if (code === 3) expect(report.findings.map(({ type }: { type: string }) => type)).toContain(finding)
      }
    }
  })
})

function scribble(file: string): void {
  const bytes = readFileSync(file)
  bytes.fill(0x55, Math.floor(bytes.length / 2), Math.floor(bytes.length / 2) + 16_384)
  writeFileSync(file, bytes)
}
