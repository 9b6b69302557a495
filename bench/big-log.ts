/** The long log: built once, flat out, while its index is watched; then checked, proved, opened and asked. */
import { createHash, hash } from 'node:crypto'
import { copyFileSync, cpSync, existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { loadStorageKey } from '../src/append/keys.ts'
import type { EntryInput } from '../src/core/entry.ts'
import type { EntryFilter, IndexedField } from '../src/core/filter.ts'
import { parseContent } from '../src/core/sealed.ts'
import { openSqliteStore, type SqliteStore } from '../src/store/sqlite.ts'
import { openAuditLog } from '../src/system.ts'
import { Remote } from '../src/threads/rpc.ts'
import { openReader } from '../src/trail/reader.ts'
import { plainTableBytes } from './append.ts'
import { type Bench, bytesOf, callers, type FreshLog, freshLog, logPlaces, type Measured, removeLog } from './bench.ts'
import { buildPackage, openInChild } from './built.ts'
import { commonActor, entryAt, rareActor } from './entries.ts'
import { digits, flatOut, median, percentile, seededRandom, spread, timed } from './measure.ts'
import type { OpenReport } from './open-child.ts'

/** The long log, closed: where it lies, and what was seen while it grew. */
export interface BigLog extends Omit<FreshLog, 'log'> {
  readonly lag: Measured
  /** Bytes of the entries' JSON as it was given, UTF-8. */
  readonly jsonBytes: number
}

/** Callers that ask for what they have just appended, while the log grows. */
const askers = 12

/**
 * Builds the log. Meanwhile a few more callers, at random moments, append an entry with a name of its own and ask for it
 * by that name the moment it is acknowledged: it must be in the answer. And a thread of the benchmark's own looks at both
 * files every few milliseconds.
 */
export async function buildBigLog(bench: Bench): Promise<BigLog> {
  const { big } = bench.sizes
  const { log, ...places } = await freshLog(bench, 'big')
  await log.status()
  const watcher = new Remote(new URL('./lag-thread', import.meta.url), { file: places.file, keys: places.keys })
  await watcher.call('open', undefined)
  const waits: number[] = []
  const random = seededRandom(99)
  let jsonBytes = 0
  let probes = 0
  let done = false
  const ask = async () => {
    while (!done) {
      await delay(random() * 400)
      const memoryId = `probe_${probes++}`
      const probe: EntryInput = { ...entryAt(probes), memoryId }
      jsonBytes += Buffer.byteLength(JSON.stringify(probe))
      const { seq } = await log.append(probe)
      const started = performance.now()
      const [found] = await collect(log.list({ memoryId }, { limit: 1 }))
      waits.push(performance.now() - started)
      if (found?.seq !== seq) throw new Error(`a query missed the acknowledged entry ${seq}`)
    }
  }
  const ms = await timed(async () => {
    const asking = Array.from({ length: askers }, ask)
    await flatOut(callers, big, async i => {
      await log.append(entryAt(i))
      if (i % 100_000 === 99_999) bench.say(`building: ${digits(i + 1)} of ${digits(big)}`)
    })
    done = true
    await Promise.all(asking)
    await log.status()
  })
  const lags = await watcher.call<number[]>('close', undefined)
  await watcher.end()
  await log.close()
  for (let i = 0; i < big; i++) jsonBytes += Buffer.byteLength(JSON.stringify(entryAt(i)))
  bench.say(
    `built at ${digits((big / ms) * 1000)}/s; p99 of the index's lag ${digits(percentile(lags, 0.99))} ms, of a query's wait ${digits(percentile(waits, 0.99))} ms`,
  )
  const row = (name: string, values: readonly number[]) =>
    `| ${name} | ${digits(values.length)} | ${[0.5, 0.95, 0.99, 1].map(p => digits(percentile(values, p))).join(' | ')} |`
  const lag: Measured = {
    figures: { indexLagP99Ms: percentile(lags, 0.99) },
    spreads: {
      indexLagP99Ms: `p50 ${digits(percentile(lags, 0.5))}, max ${digits(percentile(lags, 1))}; a query's whole wait p99 ${digits(percentile(waits, 0.99))}`,
    },
    title: 'The index behind the log',
    text: [
      `While ${callers} callers append ${digits(big)} entries flat out (${digits((big / ms) * 1000)} a second, the index caught up at the end). First row: a thread of the benchmark's own reads the size of the log and of the index every 4 ms; the time until the index has all that the log had. Second row: ${askers} more callers append an entry at random moments and ask for it, by a field of its own, the moment it is acknowledged; from there to the answer, which waits for the index and also goes through the host's busy event loop twice. Every one of these answers held its entry.`,
      '',
      '| ms | samples | p50 | p95 | p99 | max |',
      '|---|---|---|---|---|---|',
      row('index behind the log', lags),
      row("a query's whole wait", waits),
    ],
  }
  return { ...places, lag, jsonBytes }
}

/** Another log like the long one, to do to it what must not be done to that one. Both must be closed. */
export function copyLog(
  bench: Bench,
  { file, keys }: BigLog,
  name: string,
  index?: 'index',
): { file: string; keys: string } {
  const copy = logPlaces(bench, name)
  // What is in a write-ahead log belongs to it.
  for (const end of ['', '-wal', ...(index === undefined ? [] : ['.index', '.index-wal'])]) {
    if (existsSync(file + end)) copyFileSync(file + end, copy.file + end)
  }
  cpSync(keys, copy.keys, { recursive: true })
  return copy
}

export async function disk(bench: Bench, log: BigLog): Promise<Measured> {
  const { big, group } = bench.sizes
  const bytes = bytesOf(log.file)
  const index = bytesOf(`${log.file}.index`)
  const plainCount = Math.min(big, group)
  const plainBytes = await plainTableBytes(bench, plainCount)
  let plainJson = 0
  for (let i = 0; i < plainCount; i++) plainJson += Buffer.byteLength(JSON.stringify(entryAt(i)))
  const row = (name: string, size: number, json: number, count: number) =>
    `| ${name} | ${digits(size / 1e6)} | ${digits(size / count)} | ${digits(size / json)} |`
  return {
    figures: { diskVsJson: (bytes + index) / log.jsonBytes },
    title: 'Bytes on disk',
    text: [
      `After closing, with what is left in write-ahead logs; both files encrypted. The entries' JSON is \`JSON.stringify\` of what the caller gave, in UTF-8, without the id, number and time that the log adds: ${digits(log.jsonBytes / big)} bytes an entry.`,
      '',
      '| | MB | bytes an entry | × the JSON |',
      '|---|---|---|---|',
      row(`log of ${digits(big)} entries`, bytes, log.jsonBytes, big),
      row('its index', index, log.jsonBytes, big),
      row('both', bytes + index, log.jsonBytes, big),
      row(`plain table of ${digits(plainCount)} rows, for comparison`, plainBytes, plainJson, plainCount),
    ],
    charts: [
      {
        kind: 'bars',
        name: 'disk',
        title: 'Bytes on disk for an entry',
        description:
          'Encrypted, closed, write-ahead logs included; less is better. The line is the JSON that callers gave.',
        x: { label: 'bytes an entry' },
        bars: [
          { name: 'memmimic-audit: log and index', style: 0, value: (bytes + index) / big },
          { name: 'the log alone', style: 4, value: bytes / big },
          { name: 'its index', style: 5, value: index / big },
          { name: 'plain table', style: 1, value: plainBytes / plainCount },
        ],
        mark: { name: 'JSON', value: log.jsonBytes / big },
      },
    ],
  }
}

/** The full check on one thread and on more, against hashing the same bytes and nothing else. */
export async function verify(bench: Bench, log: BigLog): Promise<Measured> {
  const { verifyRounds } = bench.sizes
  const store = openSqliteStore({ file: log.file, key: loadStorageKey(log.keys), mode: 'read' })
  const reader = await openReader({ file: log.file, keys: log.keys })
  const cores = availableParallelism()
  const checking = new Map([1, 2, ...(cores > 2 ? [cores] : [])].map((threads): [number, number[]] => [threads, []]))
  const hashing: number[] = []
  const hashingHex: number[] = []
  let entries = 0
  for (let round = 0; round < verifyRounds; round++) {
    for (const [threads, times] of checking) {
      const report = await reader.verify({ sealKey: log.sealKey, threads })
      if (!report.valid) throw new Error(`the long log does not verify: ${JSON.stringify(report.findings[0])}`)
      entries = report.entries
      times.push(report.durationMs)
    }
    hashing.push(hashTime(store, entries, bytes => createHash('sha256').update(bytes).digest()))
    hashingHex.push(hashTime(store, entries, bytes => hash('sha256', bytes, 'hex')))
    const seconds = [...checking.values(), hashing].map(times => digits(times.at(-1)! / 1000))
    bench.say(
      `verify, round ${round + 1}: ${[...checking.keys()].join(', ')} threads, and hashing: ${seconds.join(', ')} s`,
    )
  }
  await reader.close()
  store.close()
  const possible = await secondThread(Math.min(1_000_000, 10 * entries))
  const [one, two] = [checking.get(1)!, checking.get(2)!]
  const ratios = one.map((ms, i) => ms / hashing[i]!)
  const speedups = one.map((ms, i) => ms / two[i]!)
  const micros = (times: readonly number[]) => (median(times) / entries) * 1000
  const row = (name: string, times: readonly number[]) =>
    `| ${name} | ${spread(times.map(ms => ms / 1000))} | ${spread(times.map(ms => (ms / entries) * 1000))} |`
  const nameOf = (threads: number) => `verify, ${threads === 1 ? 'one thread' : `${threads} threads`}`
  return {
    figures: { verifyVsHashing: median(ratios), verifySpeedup: median(speedups) },
    spreads: {
      verifyVsHashing: spread(ratios),
      verifySpeedup: `${spread(speedups)}; two threads that only hash ${digits(possible)}`,
    },
    title: 'Full verification',
    text: [
      `${verifyRounds} rounds over ${digits(entries)} entries: every leaf parsed and hashed, every link, every sealed value, the tree, every seal from K₀ on, every checkpoint under both signatures, the anchor; reading and decrypting the file included. On one thread, and with others that examine what it then judges (the start of these included). Against SHA-256 over the same leaves and the same preimages of commitments, already in memory, in the same run.`,
      '',
      '| | seconds: median (range) | µs an entry |',
      '|---|---|---|',
      ...[...checking].map(([threads, times]) => row(nameOf(threads), times)),
      row("`createHash('sha256').update(bytes).digest()`", hashing),
      row("`crypto.hash('sha256', bytes, 'hex')`", hashingHex),
      '',
      `The figure is the ratio of one thread to \`createHash\`, as most would write it; to \`crypto.hash\`, Node's fastest, it is ${spread(one.map((ms, i) => ms / hashingHex[i]!))}. Two threads that do nothing but hash are ${digits(possible)} × as fast as one on this machine: no more can be had from a second one.`,
    ],
    charts: [
      {
        kind: 'bars',
        name: 'verification',
        title: 'Full verification against hashing',
        description: `Microseconds an entry, ${digits(entries)} entries; less is better. Verification reads and decrypts the file, parses, links, seals and signatures included; hashing is of the same bytes, already in memory.`,
        x: { label: 'µs an entry' },
        bars: [
          ...[...checking].map(([threads, times], i) => ({
            name: nameOf(threads),
            style: i === 0 ? 0 : 3 + i,
            value: micros(times),
          })),
          { name: 'only hashing: createHash', style: 1, value: micros(hashing) },
          { name: 'only hashing: crypto.hash', style: 2, value: micros(hashingHex) },
        ],
      },
    ],
  }
}

/** How many times as fast two threads are that only hash as one: what the machine has to give. */
async function secondThread(leaves: number): Promise<number> {
  const threads = [0, 1].map(() => new Remote(new URL('./hash-thread', import.meta.url), undefined))
  const all = (some: readonly Remote[], count: number) => Promise.all(some.map(thread => thread.call('hash', count)))
  await all(threads, Math.ceil(leaves / 10))
  const one = await timed(() => all(threads.slice(0, 1), leaves))
  const two = await timed(() => all(threads, leaves))
  await Promise.all(threads.map(thread => thread.end()))
  return (2 * one) / two
}

/** Milliseconds that hashing alone takes: reading is not counted. */
function hashTime(store: SqliteStore, size: number, digest: (bytes: Uint8Array) => unknown): number {
  let ms = 0
  const chunk = 8192
  for (let from = 0; from < size; from += chunk) {
    const parts: Uint8Array[] = []
    for (const some of store.entries(from, Math.min(from + chunk, size))) {
      for (const { leaf, content } of some) parts.push(leaf, ...parseContent(content))
    }
    const started = performance.now()
    for (const part of parts) digest(part)
    ms += performance.now() - started
  }
  return ms
}

/** Proofs of entries anywhere in the log. */
export async function proof(bench: Bench, log: BigLog): Promise<Measured> {
  const { big, proofs } = bench.sizes
  const random = seededRandom(3)
  const seqs = Array.from({ length: proofs }, () => Math.floor(random() * big))
  const reader = await openReader({ file: log.file, keys: log.keys })
  for (const seq of seqs.slice(0, 50)) await reader.prove((seq * 7) % big)
  const here: number[] = []
  for (const seq of seqs) here.push(await timed(() => reader.prove(seq)))
  await reader.close()
  const open = await openAuditLog({ file: log.file, keys: log.keys, closeOnExit: false })
  const threaded: number[] = []
  for (const seq of seqs) threaded.push(await timed(() => open.prove(seq)))
  await open.close()
  const row = (name: string, values: readonly number[]) =>
    `| ${name} | ${[0.5, 0.95, 0.99, 1].map(p => digits(percentile(values, p))).join(' | ')} |`
  bench.say(
    `proof: p95 ${digits(percentile(here, 0.95))} ms, through the thread ${digits(percentile(threaded, 0.95))} ms`,
  )
  return {
    figures: { proofP95Ms: percentile(here, 0.95) },
    spreads: { proofP95Ms: `p50 ${digits(percentile(here, 0.5))}, p99 ${digits(percentile(here, 0.99))}` },
    title: 'Proof of one entry',
    text: [
      `${digits(proofs)} \`.tlog-proof\` texts for entries drawn anywhere among ${digits(big)}; milliseconds.`,
      '',
      '| | p50 | p95 | p99 | max |',
      '|---|---|---|---|---|',
      row('reader on the same thread', here),
      row('`log.prove` of an open log: two trips to its reader thread', threaded),
    ],
  }
}

/** Opening the long log and an empty one, each time in a process of its own. */
export async function opening(bench: Bench, log: BigLog): Promise<Measured> {
  const { opens, big } = bench.sizes
  const empty = await freshLog(bench, 'empty')
  await empty.log.close()
  const built = buildPackage(bench)
  const rounds = { long: [] as OpenReport[], empty: [] as OpenReport[], source: [] as OpenReport[] }
  const source = fileURLToPath(new URL('../src/system.ts', import.meta.url))
  for (let round = 0; round <= opens; round++) {
    const results = {
      long: openInChild(built ?? source, log),
      empty: openInChild(built ?? source, empty),
      source: openInChild(source, log),
    }
    if (round === 0) continue
    for (const name of ['long', 'empty', 'source'] as const) rounds[name].push(results[name])
  }
  removeLog(bench, 'empty')
  const of = (reports: readonly OpenReport[], key: keyof OpenReport) => reports.map(report => report[key])
  const openMs = of(rounds.long, 'openMs')
  const more = of(rounds.long, 'rss').map((rss, i) => (rss - rounds.empty[i]!.rss) / 1e6)
  const row = (name: string, reports: readonly OpenReport[]) =>
    `| ${name} | ${spread(of(reports, 'openMs'))} | ${spread(of(reports, 'appendMs'))} | ${spread(of(reports, 'rss').map(rss => rss / 1e6))} |`
  bench.say(`open: ${digits(median(openMs))} ms, ${digits(median(more))} MB more than an empty log`)
  return {
    figures: { openMs: median(openMs), openMegabytes: median(more) },
    spreads: { openMs: spread(openMs), openMegabytes: spread(more) },
    title: 'Opening a log',
    text: [
      `${opens} fresh processes each, in turns, after one that warms the disk's cache; with both threads, from the call of \`openAuditLog\` until it resolves, then until a first entry is acknowledged, then the resident memory of the process${built === undefined ? '; the package was not built, so all of it runs from source' : '; from the built package, as it is installed'}.`,
      '',
      '| median (range) | open, ms | first append, ms | memory, MB |',
      '|---|---|---|---|',
      row(`log of ${digits(big)} entries`, rounds.long),
      row('empty log', rounds.empty),
      row('the long log, run from TypeScript source', rounds.source),
    ],
  }
}

/** Questions by every indexed field, to an open log with its threads. */
export async function queries(bench: Bench, log: BigLog): Promise<Measured> {
  const { big, queries: count } = bench.sizes
  const random = seededRandom(8)
  const open = await openAuditLog({ file: log.file, keys: log.keys, closeOnExit: false })
  await open.status()
  const anyEntry = () => entryAt(Math.floor(random() * big))
  const oneOf = <T>(values: readonly T[]) => values[Math.floor(random() * values.length)]!
  const ask: Readonly<Record<IndexedField | 'time', () => EntryFilter>> = {
    operation: () => ({ operation: anyEntry().operation }),
    component: () => ({ component: anyEntry().component }),
    memoryId: () => ({ memoryId: String(anyEntry().memoryId) }),
    actor: () => ({ actor: `agent:${commonActor(Math.floor(random() * 50))}` }),
    session: () => ({ session: String(anyEntry().session) }),
    outcome: () => ({ outcome: oneOf(['success', 'failure', 'denied', 'unknown']) }),
    kind: () => ({ kind: oneOf(['event', 'control']) }),
    flag: () => ({ flag: oneOf(['gdpr', 'pii', 'soc2', 'hipaa']) }),
    securityLevel: () => ({ securityLevel: oneOf(['internal', 'public', 'confidential', 'secret', 'top_secret']) }),
    time: () => ({ since: new Date(Date.now() - random() * 60_000) }),
  }
  const rows: string[] = []
  let worst = { field: '', p95: 0 }
  for (const [field, filter] of Object.entries(ask)) {
    const times: number[] = []
    let found = 0
    for (let i = 0; i < count; i++) {
      const order = random() < 0.5 ? 'asc' : 'desc'
      const after = random() < 0.5 ? {} : { after: Math.floor(random() * big) }
      const given = filter()
      times.push(
        await timed(async () => {
          found += (await collect(open.list(given, { limit: 100, order, ...after }))).length
        }),
      )
    }
    const p95 = percentile(times, 0.95)
    if (p95 > worst.p95) worst = { field, p95 }
    rows.push(`| ${field} | ${digits(found / count)} | ${stats(times)} |`)
  }
  const whole: number[] = []
  let blocks = 0
  let entries = 0
  for (let i = 0; i < count; i++) {
    const order = random() < 0.5 ? 'asc' : 'desc'
    const filter = { actor: `service:${rareActor(i)}` }
    const seqs: number[] = []
    whole.push(
      await timed(async () => {
        for await (const { seq } of open.query(filter, { limit: 100, order })) seqs.push(seq)
      }),
    )
    entries += seqs.length
    blocks += new Set(seqs.map(seq => Math.floor(seq / 32))).size
  }
  await open.close()
  bench.say(
    `query: rows p95 ${digits(worst.p95)} ms (${worst.field}), entries p95 ${digits(percentile(whole, 0.95))} ms`,
  )
  return {
    figures: { queryP95Ms: worst.p95, queryEntriesP95Ms: percentile(whole, 0.95) },
    spreads: {
      queryP95Ms: `the slowest field, ${worst.field}`,
      queryEntriesP95Ms: `p50 ${digits(percentile(whole, 0.5))}, p99 ${digits(percentile(whole, 0.99))}`,
    },
    title: `Queries, ${digits(big)} entries`,
    text: [
      `Through \`list\` and \`query\` of an open log with its threads; ${count} questions a field, values drawn from the entries themselves, upwards and downwards, from the end or from anywhere; the file in the disk's cache, SQLite's own cache of 8 MB not. Milliseconds, up to 100 rows each:`,
      '',
      '| rows of the list, by | rows found, mean | p50 | p95 | max |',
      '|---|---|---|---|---|',
      ...rows,
      '',
      `Whole entries, by an actor that does one entry in a thousand: ${digits(entries / count)} entries each, from ${digits(blocks / count)} different blocks. Each is verified before it is given: its hash, its sealed values, its row in the index.`,
      '',
      '| | p50 | p95 | max |',
      '|---|---|---|---|',
      `| up to 100 whole entries | ${stats(whole)} |`,
    ],
  }
}

function stats(values: readonly number[]): string {
  return [0.5, 0.95, 1].map(p => digits(percentile(values, p))).join(' | ')
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const out: T[] = []
  for await (const value of values) out.push(value)
  return out
}
