/** The goals, and the page about them. */
import type { Figures, Measured } from './bench.ts'
import { digits } from './measure.ts'
import type { PartResult, Results } from './results.ts'

interface Goal {
  readonly figure: keyof Figures
  readonly what: string
  readonly goal: string
  readonly limit: number
  readonly atLeast?: true
  readonly unit: string
}

/** In the order of the page. Where a goal was made stricter, the one before stands below it. */
const goals: readonly Goal[] = [
  {
    figure: 'appendGroupVsPlainTable',
    what: 'durable append, 4 096 callers in flight, the index caught up at the end',
    goal: '≥ 1.0 × the plain table',
    limit: 1,
    atLeast: true,
    unit: '×',
  },
  {
    figure: 'appendGroupVsPlainTable',
    what: '… the goal before',
    goal: '≥ 0.7 × the plain table',
    limit: 0.7,
    atLeast: true,
    unit: '×',
  },
  {
    figure: 'appendSingleP50VsPlainTable',
    what: 'durable append, one caller at a time, p50',
    goal: '≤ 1.2 × the plain table’s single-row commit',
    limit: 1.2,
    unit: '×',
  },
  {
    figure: 'appendSingleP50VsPlainTable',
    what: '… one caller, the goal before',
    goal: '≤ 1.5 × the plain table’s single-row commit',
    limit: 1.5,
    unit: '×',
  },
  { figure: 'indexLagP99Ms', what: 'index behind the log, flat out, p99', goal: '≤ 100 ms', limit: 100, unit: 'ms' },
  {
    figure: 'hostMicrosPerEntry',
    what: 'cost on the host’s event loop',
    goal: '≤ 10 µs an entry',
    limit: 10,
    unit: 'µs',
  },
  {
    figure: 'loopDelayP99Ms',
    what: 'event-loop delay while appending flat out, p99',
    goal: '≤ 5 ms',
    limit: 5,
    unit: 'ms',
  },
  {
    figure: 'verifyVsHashing',
    what: 'full verification, one thread',
    goal: '≤ 2 × hashing the same leaves and commitments',
    limit: 2,
    unit: '×',
  },
  {
    figure: 'verifyVsHashing',
    what: '… verification, the goal before',
    goal: '≤ 3 × hashing the same leaves and commitments',
    limit: 3,
    unit: '×',
  },
  {
    figure: 'verifySpeedup',
    what: 'full verification, two threads against one',
    goal: '≥ 1.8 ×',
    limit: 1.8,
    atLeast: true,
    unit: '×',
  },
  { figure: 'proofP95Ms', what: 'proof of one entry, p95', goal: '≤ 1 ms', limit: 1, unit: 'ms' },
  { figure: 'openMs', what: 'opening the long log', goal: '≤ 100 ms', limit: 100, unit: 'ms' },
  {
    figure: 'openMegabytes',
    what: 'memory after opening it, more than an empty log',
    goal: '≤ 30 MB',
    limit: 30,
    unit: 'MB',
  },
  {
    figure: 'queryP95Ms',
    what: 'query by an indexed field: 100 rows of the list, p95 of the slowest field',
    goal: '≤ 10 ms',
    limit: 10,
    unit: 'ms',
  },
  {
    figure: 'queryEntriesP95Ms',
    what: '… 100 whole entries scattered over the log, p95',
    goal: '≤ 50 ms',
    limit: 50,
    unit: 'ms',
  },
  { figure: 'diskVsJson', what: 'bytes on disk, both files', goal: '≤ 1.0 × the entries’ JSON', limit: 1, unit: '×' },
  {
    figure: 'diskVsJson',
    what: '… bytes on disk, the goal before',
    goal: '≤ 1.2 × the entries’ JSON',
    limit: 1.2,
    unit: '×',
  },
  {
    figure: 'ingestPeakMegabytes',
    what: 'ingest from the command line, peak memory',
    goal: '≤ 250 MB',
    limit: 250,
    unit: 'MB',
  },
  {
    figure: 'ingestGrowth',
    what: '… flat: the last quarter against the second',
    goal: '≤ 1.1 ×',
    limit: 1.1,
    unit: '×',
  },
  {
    figure: 'systemGroupVsPlainTable',
    what: 'the system on top, every default: durable append, 4 096 callers in flight',
    goal: '≥ 0.7 × the plain table',
    limit: 0.7,
    atLeast: true,
    unit: '×',
  },
  {
    figure: 'systemSingleP50VsPlainTable',
    what: '… one caller at a time, p50',
    goal: '≤ 1.5 × the plain table’s single-row commit',
    limit: 1.5,
    unit: '×',
  },
  { figure: 'entryCheckP95Ms', what: 'verification of one entry, p95', goal: '≤ 1 ms', limit: 1, unit: 'ms' },
  { figure: 'chainOf100P95Ms', what: 'verification of a chain of 100, p95', goal: '≤ 5 ms', limit: 5, unit: 'ms' },
  {
    figure: 'detectorMicros',
    what: 'detection, the slowest kind of event, after a million others',
    goal: '≤ 20 µs an event',
    limit: 20,
    unit: 'µs',
  },
  {
    figure: 'detectorGrowth',
    what: '… flat: against the same after a thousand',
    goal: '≤ 1.2 ×',
    limit: 1.2,
    unit: '×',
  },
  {
    figure: 'counterNanos',
    what: 'a counter, after a million recordings',
    goal: '≤ 1 000 ns',
    limit: 1000,
    unit: 'ns',
  },
  {
    figure: 'observationNanos',
    what: 'an observation, after a million recordings',
    goal: '≤ 2 000 ns',
    limit: 2000,
    unit: 'ns',
  },
  { figure: 'reportSeconds', what: 'a report over the long log', goal: '≤ 10 s', limit: 10, unit: 's' },
  {
    figure: 'reportMemoryGrowth',
    what: '… in constant memory: its peak against that of a report over half of it',
    goal: '≤ 1.1 ×',
    limit: 1.1,
    unit: '×',
  },
]

/** Printed only when a goal is missed: why, and what would mend it. */
const reasons: Readonly<Record<keyof Figures, string>> = {
  appendGroupVsPlainTable:
    'Three threads (host, writer, index) share the cores that the plain table’s two have to themselves; each entry is captured and written canonically on the host, salted, committed to six times, hashed, linked and compressed by the writer, and opened and indexed once more by the index. The index thread is the slowest. To mend: hand it facts instead of leaves to parse.',
  appendSingleP50VsPlainTable:
    'A commit of one entry writes a tail row, a seal and the head where the plain table writes one row and its index entries, and computes six commitments, a leaf hash, the root and an HMAC. To mend: keep seal and head in one row; find the root of the unfinished tile without hashing its whole edge.',
  indexLagP99Ms:
    'The writer waits until the index is within two thousand entries before it commits the next thousand. In a long log the index is the slower of the two: memory ids fall on random pages of its lists, and the checkpoints of its write-ahead log stop it for a moment. A query waits for it and misses nothing. To mend: an allowance in time instead of entries, and lists that are sorted in batches before they are written.',
  hostMicrosPerEntry:
    'The host reads and judges every value in JavaScript and copies it in the order of its names, because a caller may change its object a moment later; the plain table calls `JSON.stringify` once. To mend: recognise actors and contexts that come again, and pass values to the writer without a text for each part.',
  loopDelayP99Ms:
    'Receipts are passed on 64 in a turn, so no turn is long; what is left are the pauses of the garbage collector, 10–20 ms each here: thousands of callers that wait are promises and closures that survive every collection, and its helper threads have to share two cores with the writer and the index. To mend: fewer objects for each waiting caller.',
  verifyVsHashing:
    'Beside hashing, the file is read, authenticated and decrypted (a seventh of the whole), decompressed (a seventh) and put together, each leaf is held against its canonical spelling in one pass (a sixth), and what is read is collected as garbage. In a virtual machine half of the decompression is asking the processor what it is, which zstd does for each piece and which leads out of the machine. To mend: larger blocks, at the price of reading single entries; one decompressor for many pieces, which Node does not offer.',
  verifySpeedup:
    'The collector of V8 has threads of its own, so that a check on one thread uses a fifth of the second core already; what the same machine gives two threads that only hash stands beside it. The threads have to start and to warm up, a third of a second. To mend: less garbage.',
  proofP95Ms:
    'Most proofs take a tenth of that: the roots inside of full tiles are remembered. The first that come by a tile hash it. To mend: keep the inner nodes of tiles on the disk.',
  openMs: 'Most of it is the start of two threads and the loading of their modules, whatever the log’s length.',
  openMegabytes: 'The caches of SQLite, 8 MB a connection, fill as the log is read.',
  queryP95Ms: 'Rows of a value lie scattered over the index; each costs a page read and decrypted.',
  queryEntriesP95Ms:
    'Each entry lies in another block, of which 32 leaves and 32 contents are read, decrypted and decompressed for the one. To mend: smaller blocks, at the price of bytes on disk.',
  diskVsJson:
    'Hashes, salts and commitments do not compress: an entry with six sealed values carries some 330 bytes of them, and the index 134. To mend: larger blocks, or a dictionary for the compressor.',
  ingestPeakMegabytes: 'Lines wait in memory faster than they are committed. To mend: fewer entries in flight.',
  ingestGrowth: 'Something is kept for each entry.',
  systemGroupVsPlainTable:
    'Host, writer and index share the cores that the plain table’s two threads have to themselves, and the host does more: redaction and classification take some 3 µs an entry, detection 3, what listeners are told 1; the sets of letters in the index another 2 on its thread. To mend: as for the log alone, whose index is the slowest; fewer looks at texts in which nothing can stand.',
  systemSingleP50VsPlainTable:
    'As for the log alone; beside it, redaction lies between the call and the commit, and metrics and detection between the commit and the receipt. To mend: tell listeners after the receipt.',
  entryCheckP95Ms:
    'The blocks of the entry and of the one before are read, decrypted and unpacked, the tree is followed to the head, and the seal and the anchor are checked; what is read lies outside of the heap of V8, whose collector goes over the whole heap now and then, for 2–10 ms. To mend: buffers that are used again.',
  chainOf100P95Ms:
    'Four or five blocks are read and unpacked, a hundred entries checked, and the tree is followed from there to the head. The collector of V8, which goes over the whole heap for what is read outside of it, adds 2–10 ms to some. To mend: buffers that are used again.',
  detectorMicros:
    'Each event is held against every rule that is on, and a flood touches its alert each time. To mend: rules that say in advance which events they want.',
  detectorGrowth:
    'An alert of a flood lists up to a thousand runs of entries and no further; the list is made anew when something was added and somebody looks. To mend: lists that are only added to.',
  counterNanos:
    'A counter is found by its name, its series by the values of its labels; the system’s clock is read, the minute’s total kept, and the rate held against its threshold, each time. To mend: handles that are asked for once, and thresholds that are looked at less often.',
  observationNanos:
    'An observation is found by its name and put into a bucket of its minute and of its hour, with a logarithm; the system’s clock is read, and the percentile held against its threshold, each time. To mend: handles that are asked for once, and thresholds that are looked at less often.',
  reportSeconds:
    'A report verifies every entry that it counts, which is nineteen parts of its work in twenty and takes as long as full verification on one core. Two threads share it here, on two cores that are together one and a half times as fast as one. To mend: what mends full verification; more cores.',
  reportMemoryGrowth: 'Something is kept for each entry of the period.',
}

function isMet({ limit, atLeast }: Goal, value: number): boolean {
  return atLeast ? value >= limit : value <= limit
}

export function formatPage({ machine, entryBytes, big, parts }: Results): string {
  const all = Object.entries(parts)
  const found = all.flatMap(([, { measured }]) => ('failure' in measured ? [] : [measured]))
  const missed: string[] = []
  const rows = goals.map(one => {
    const { figure, what, goal, unit } = one
    const result = found.find(({ figures }) => figures[figure] !== undefined)
    const value = result?.figures[figure]
    if (value === undefined) return `| ${what} | ${goal} | not measured | | |`
    const met = isMet(one, value)
    const reason = missed.some(line => line.endsWith(reasons[figure])) ? 'As above.' : reasons[figure]
    if (!met) missed.push(`- **${what}**: ${digits(value)} ${unit} instead of ${goal}. ${reason}`)
    return `| ${what} | ${goal} | ${digits(value)} ${unit} | ${result?.spreads?.[figure] ?? ''} | ${met ? 'met' : '**missed**'} |`
  })
  const sections = (isOnTop: boolean) =>
    all
      .filter(([name]) => name.startsWith('system-') === isOnTop)
      .flatMap(([name, part]) => section(name, part, isOnTop))
  const minutes = all.reduce((sum, [, part]) => sum + part.minutes, 0)
  const days = [...new Set(all.map(([, { day }]) => day))].sort()
  return [
    '# Benchmarks',
    '',
    `Generated by \`npm run bench\` (${digits(minutes)} minutes, ${days.join(', ')}) from what it measured (\`bench/results.json\`); nothing on this page is written by hand. Every number is of one machine, what is compared was measured side by side in the same minutes, and durability is on throughout, where nothing else is said: a receipt means that the entry is committed and synced.`,
    '',
    ...(machine.inMemory
      ? ['> **The files of this run lay in memory: no number about durability means anything here.**', '']
      : []),
    'The **plain table** is what a user would write instead, and ran in the same run: one SQLite table through the same driver, encrypted as the log’s own file is (AES-CBC and HMAC-SHA-512, as other programs open it; the log’s index, which is thrown away at will, has the quicker AEGIS-256), WAL and `synchronous=FULL`, a worker thread that commits groups of up to 1 000, the fields that the log indexes as columns with the same secondary indexes and one on the id, the entry’s JSON as one text. It hashes, chains, seals, signs and proves nothing, and has nothing by which to search for words, which the log’s index has by default. Its code is in `bench/plain-table.ts` and `bench/plain-table-thread.ts`. What else people use stands beside it under “Append, by callers and size”.',
    '',
    '## Goals',
    '',
    '| | goal | measured | spread | |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    ...(missed.length === 0 ? [] : ['### What was missed, and why', '', ...missed, '']),
    '## Machine and versions',
    '',
    '| | |',
    '|---|---|',
    ...machine.rows.map(([name, value]) => `| ${name} | ${value} |`),
    '',
    `Entries: ${digits(entryBytes.median)} bytes of JSON (median), of which zstd at level 1 leaves ${digits(entryBytes.compressed * 100)} % in blocks of 32: eight operations, six components, seventy actors, one entry in three about a new memory, a session about every 200 entries, six sealed values each (\`bench/entries.ts\`). They are the same in every run. The long log has ${digits(big)} of them. Both SQLite files of the log are encrypted and every option is the default, where nothing else is said.`,
    '',
    ...sections(false),
    '## The system on top',
    '',
    'Beside the log proper: what takes secrets out of entries and classifies them, metrics, detection, the check in the background, reports, new questions, and letting go. The figures above are of `openAuditLog` alone.',
    '',
    ...sections(true),
    '## To repeat',
    '',
    '```sh',
    'npm ci',
    'npm run bench                                  # everything; writes this page, its charts and bench/results.json',
    'npm run -s bench -- --quick --json             # under two minutes; smaller sizes; prints one object, writes nothing',
    'npm run -s bench -- --only verify              # one part; prints it, writes nothing; with --save it goes into the page',
    'npm run -s bench -- --only system              # all parts of the system on top',
    'npm run -s bench -- --only growth --entries 1e7   # and ten million entries; an hour, and 20 GB of disk',
    'npm run -s bench -- --page-only                # this page anew, from what was measured',
    'npm run -s bench -- --guard                    # the ratios that must not grow, against bench/baseline.json; a minute',
    '```',
    '',
    `The parts: ${all.map(([name]) => name).join(', ')}.`,
    '',
  ].join('\n')
}

function section(name: string, { measured }: PartResult, isOnTop: boolean): string[] {
  const heading = isOnTop ? '###' : '##'
  if ('failure' in measured) return [`${heading} ${name}`, '', `Not measured: ${measured.failure}.`, '']
  const { title, text, charts = [] } = measured
  const pictures = charts.flatMap(chart => [`![${chart.title}](charts/${chart.name}.svg)`, ''])
  return [`${heading} ${title}`, '', ...text, '', ...pictures]
}

/** The figures as people rather than programs read them. */
export function formatFigures(results: readonly Measured[]): string {
  return goals
    .flatMap(one => {
      const { figure, what, goal, unit } = one
      const result = results.find(({ figures }) => figures[figure] !== undefined)
      const value = result?.figures[figure]
      if (value === undefined) return []
      const spread = result?.spreads?.[figure]
      return `${isMet(one, value) ? 'met   ' : 'MISSED'} ${what}: ${digits(value)} ${unit} (goal ${goal})${spread ? `; ${spread}` : ''}\n`
    })
    .join('')
}
