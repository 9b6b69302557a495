import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { ended, entry, type Home, lines, makeHome } from './support.ts'

interface Receipt {
  readonly seq: number
  readonly id: string
  readonly entryHash: string
}

const receiptsIn = (stdout: string): Receipt[] =>
  stdout
    .slice(0, stdout.lastIndexOf('\n') + 1)
    .split('\n')
    .flatMap(line => (line === '' ? [] : [JSON.parse(line)]))

/** The log holds exactly what these receipts say, in this order, and perhaps more behind it. */
async function holds(home: Home, receipts: readonly Receipt[]): Promise<void> {
  const kept = new Map(
    (await home.json<Receipt>(['query', '--limit', 'all'])).map(({ seq, id, entryHash }) => [
      seq,
      `${id} ${entryHash}`,
    ]),
  )
  for (const { seq, id, entryHash } of receipts) expect(kept.get(seq)).toBe(`${id} ${entryHash}`)
}

test('a long input goes in with little memory, however long it is', { timeout: 60_000 }, async () => {
  const home = makeHome()
  await home.run(['init'])
  const child = home.start(['ingest', '-', '--json'])
  const run = ended(child, lines(20_000))
  let peakKb = 0
  while (child.exitCode === null && child.signalCode === null) {
    const status = existsSync(`/proc/${child.pid}/status`) ? readStatus(child.pid!) : 0
    peakKb = Math.max(peakKb, status)
    await sleep(50)
  }
  const { code, stdout, stderr } = await run
  expect({ code, stderr }).toEqual({ code: 0, stderr: 'memmimic-audit: 20000 entries are in the log\n' })
  const receipts = receiptsIn(stdout)
  expect(receipts.map(({ seq }) => seq)).toEqual(Array.from({ length: 20_000 }, (_, i) => i + 1))
  if (existsSync('/proc/self/status')) expect(peakKb).toBeGreaterThan(50_000)
  expect(peakKb).toBeLessThan(250 * 1024)
  await holds(home, receipts)
  expect(await home.verifiedSize()).toBe(20_001)
})

function readStatus(pid: number): number {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0)
  } catch {
    return 0
  }
}

test('what was acknowledged before kill -9 is in the log, and the log verifies', async () => {
  const home = makeHome()
  await home.run(['init'])
  const child = home.start(['ingest', '-', '--json'])
  const run = ended(child, lines(50_000))
  child.stdout.once('data', () => setTimeout(() => child.kill('SIGKILL'), 150))
  const { signal, stdout } = await run
  expect(signal).toBe('SIGKILL')
  const receipts = receiptsIn(stdout)
  expect(receipts.length).toBeGreaterThan(0)
  expect(await home.verifiedSize()).toBeGreaterThan(receipts.length)
  await holds(home, receipts)
  // And it goes on from there.
  await home.run(['append', '-'], JSON.stringify(entry(1)))
  expect((await home.run(['verify', '--complete'])).code).toBe(0)
})

test('SIGTERM stops it in order: what was taken is signed and said', async () => {
  const home = makeHome()
  await home.run(['init'])
  const child = home.start(['ingest', '-', '--json'])
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', text => {
    if (stdout === '') child.kill('SIGTERM')
    stdout += text
  })
  child.stderr.on('data', text => {
    stderr += text
  })
  // The pipe stays open: nobody but the signal ends this.
  child.stdin.on('error', () => {})
  child.stdin.write(lines(5000))
  const code = await new Promise(resolve => child.once('close', resolve))
  expect(code).toBe(1)
  const receipts = receiptsIn(stdout)
  expect(stderr).toMatch(/^memmimic-audit: \d+ entries are in the log; stopped by a signal behind line \d+\n$/)
  expect(Number(/\d+/.exec(stderr)![0])).toBe(receipts.length)
  const [status] = await home.json<{ size: number; signed: number }>(['status'])
  expect(status).toMatchObject({ size: receipts.length + 1, signed: receipts.length + 1 })
})

test('entries go in also when nobody reads their receipts any more', async () => {
  const home = makeHome()
  await home.run(['init'])
  const child = home.start(['ingest', '-', '--json'])
  const run = ended(child, lines(5000))
  child.stdout.once('data', () => child.stdout.destroy())
  expect(await run).toMatchObject({ code: 0, stderr: 'memmimic-audit: 5000 entries are in the log\n' })
  expect(await home.verifiedSize()).toBe(5001)
})

test('a line that is too long is refused without being held, and kept', { timeout: 60_000 }, async () => {
  const home = makeHome()
  await home.run(['init'])
  const rejects = join(home.folder, 'rejects')
  const long = Buffer.alloc(65 * 1024 * 1024, 'x')
  const input = Buffer.concat([Buffer.from(lines(1)), long, Buffer.from(`\n${lines(1).trimEnd()}`)])
  const { code, stdout, stderr } = await home.run(['ingest', '-', '--json', '--rejects', rejects], input)
  expect(code).toBe(1)
  expect(receiptsIn(stdout).map(({ seq }) => seq)).toEqual([1, 2])
  expect(stderr).toMatch(/^memmimic-audit: line 2: \$: the line is longer than \d+ bytes\n/)
  expect(readFileSync(rejects).equals(Buffer.concat([long, Buffer.from('\n')]))).toBe(true)
})

test('a full disk stops it with a sentence, and what was acknowledged is there when there is room again', async ({
  skip,
}) => {
  const home = makeHome()
  const small = join(home.folder, 'small')
  mkdirSync(small)
  const mounted = spawnSync('/usr/bin/env', ['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', small])
  if (mounted.status !== 0) {
    console.log('skipped: a small file system cannot be mounted here')
    return skip()
  }
  onTestFinished(() => {
    spawnSync('/usr/bin/env', ['umount', small])
  })
  const where = ['--log', join(small, 'audit.db')]
  await home.run(['init', ...where])
  const { code, stdout, stderr } = await home.run(['ingest', '-', '--json', ...where], lines(20_000))
  expect(code).toBe(1)
  const receipts = receiptsIn(stdout)
  expect(receipts.length).toBeGreaterThan(0)
  expect(stderr).toMatch(
    /^memmimic-audit: the disk is full: [^\n]+; \d+ entries are in the log, up to and with line \d+\n$/,
  )
  expect(stderr).toContain(`; ${receipts.length} entries`)
  spawnSync('/usr/bin/env', ['mount', '-o', 'remount,size=64m', small])
  const verified = await home.run(['verify', '--json', ...where])
  expect(verified.code).toBe(0)
  expect(JSON.parse(verified.stdout).size).toBeGreaterThan(receipts.length)
  const rest = await home.run(['ingest', '-', ...where], lines(10))
  expect(rest.code).toBe(0)
})
