/** What the system on top costs whoever appends: everything at once, and each of its switches alone. */
import { callersAlone } from './append.ts'
import { type Bench, callers, freshPlainTable, type Measured, removeDatabase, removeLog } from './bench.ts'
import { entryAt } from './entries.ts'
import { digits, flatOut, median, percentile, spread, threadMicros, timed } from './measure.ts'
import { openEverything, openSwitched, type SwitchedLog } from './switches.ts'

interface Round {
  readonly ms: number
  /** Of the host's thread, for each entry; the callers are in it. */
  readonly micros: number
  /** Entries that the system wrote about what it noticed. */
  readonly own: number
  readonly unfollowed: number
}

const spine = 'the spine: no texts in the index, nobody who listens'
const everything = 'everything, as it is by default'
const plain: string = 'plain table'

/** Each is given a fresh log in every round. */
const contenders: Readonly<Record<string, (bench: Bench) => Promise<SwitchedLog>>> = {
  [spine]: bench => openSwitched(bench, 'race'),
  [everything]: bench => openEverything(bench, 'race'),
  'intake: redaction and classification': bench => openSwitched(bench, 'race', 'intake'),
  metrics: bench => openSwitched(bench, 'race', 'metrics'),
  'detection, with behaviours': bench => openSwitched(bench, 'race', 'detection'),
  'scrubber, as fast as it may': bench => openSwitched(bench, 'race', 'scrubber'),
  'texts in the index': bench => openSwitched(bench, 'race', 'text'),
  'following the log (off by default)': bench => openSwitched(bench, 'race', 'follow'),
  'everything, and following the log': bench => openEverything(bench, 'race', true),
  'subject keys (off by default)': bench => openSwitched(bench, 'race', 'subjectKeys'),
}

/** The race of the switches, and one caller alone with everything on. */
export async function systemAppend(bench: Bench): Promise<Measured> {
  const { switched: count, switchedRounds } = bench.sizes
  const rounds = new Map([plain, ...Object.keys(contenders)].map((name): [string, Round[]] => [name, []]))
  const alone: number[] = []
  for (let round = 0; round <= switchedRounds; round++) {
    const entries = round === 0 ? Math.ceil(count / 10) : count
    const own = (await threadMicros(() => flatOut(callers, entries, callersAlone))) / entries
    const results = [[plain, await plainRound(bench, entries)] as const]
    for (const [name, open] of Object.entries(contenders)) {
      results.push([name, await logRound(bench, entries, open)])
    }
    // The first round warms up.
    if (round === 0) continue
    alone.push(own)
    for (const [name, result] of results) rounds.get(name)!.push(result)
    const rates = results.map(([, { ms }]) => digits((entries / ms) * 1000))
    bench.say(`switches, round ${round} of ${switchedRounds}: ${rates.join(', ')} entries a second`)
  }
  const single = await singleAppends(bench)

  const ratios = (name: string, to: string) => rounds.get(name)!.map(({ ms }, i) => rounds.get(to)![i]!.ms / ms)
  const row = (name: string) => {
    const some = rounds.get(name)!
    return [
      name,
      spread(some.map(({ ms }) => (count / ms) * 1000)),
      spread(ratios(name, spine)),
      spread(ratios(name, plain)),
      spread(some.map(({ micros }, i) => micros - alone[i]!)),
    ]
  }
  const most = (name: string, of: 'own' | 'unfollowed') => Math.max(...rounds.get(name)!.map(round => round[of]))
  const percentiles = (values: readonly number[]) =>
    [0.5, 0.95, 0.99, 1].map(p => digits(percentile(values, p))).join(' | ')
  const follow = 'following the log (off by default)'
  return {
    figures: {
      systemGroupVsPlainTable: median(ratios(everything, plain)),
      systemSingleP50VsPlainTable: percentile(single.everything, 0.5) / percentile(single.plain, 0.5),
    },
    spreads: {
      systemGroupVsPlainTable: spread(ratios(everything, plain)),
      systemSingleP50VsPlainTable: `the spine alone ${digits(percentile(single.spine, 0.5) / percentile(single.plain, 0.5))}`,
    },
    title: 'What each switch costs',
    text: [
      `${switchedRounds} rounds in turns, after a warm-up, of ${digits(count)} entries into a fresh log, ${callers} callers; a round's time ends when the index has caught up. The ratios are of the entries a second within one round: 1 is no cost. Host: processor time of the host's thread, as under “Cost on the host's event loop”, the callers taken off. The spine is \`openAuditLog\` with \`index: { text: false }\`, everything is \`assemble\` with its defaults (intake, metrics, detection, scrubber, texts in the index, retention), and each of the others is the spine with that part alone, wired as the system wires it. A new log is soon gone over, so the scrubber alone runs as fast as it may, 5 % of a core, instead of at its pace of a pass a day.`,
      '',
      '| | entries a second | × the spine | × the plain table | host, µs an entry |',
      '|---|---|---|---|---|',
      ...[...rounds.keys()].map(name => `| ${row(name).join(' | ')} |`),
      '',
      `So fast, actors do what is watched for: the system wrote up to ${most(everything, 'own')} entries of its own about it in a round. The follower reads whole entries and verifies them; up to ${digits(most(follow, 'unfollowed'))} were left for it when the index had caught up.`,
      '',
      `One caller who waits for each receipt, ${digits(single.plain.length)} appends each, in turns of ${turn}; milliseconds:`,
      '',
      '| | p50 | p95 | p99 | max |',
      '|---|---|---|---|---|',
      `| ${plain}, single-row commit | ${percentiles(single.plain)} |`,
      `| the spine | ${percentiles(single.spine)} |`,
      `| ${everything} | ${percentiles(single.everything)} |`,
    ],
  }
}

async function plainRound(bench: Bench, count: number): Promise<Round> {
  const { table, file } = await freshPlainTable(bench, 'plain')
  let micros = 0
  const ms = await timed(async () => {
    micros = await threadMicros(() => flatOut(callers, count, i => table.append(entryAt(i))))
  })
  await table.close()
  removeDatabase(file)
  return { ms, micros: micros / count, own: 0, unfollowed: 0 }
}

async function logRound(bench: Bench, count: number, open: (bench: Bench) => Promise<SwitchedLog>): Promise<Round> {
  const { log, followed, close } = await open(bench)
  let micros = 0
  let size = 0
  const ms = await timed(async () => {
    micros = await threadMicros(() => flatOut(callers, count, i => log.append(entryAt(i))))
    size = (await log.status()).size
  })
  const unfollowed = (await followed?.()) ?? 0
  await close()
  removeLog(bench, 'race')
  // One entry says that the log was created.
  return { ms, micros: micros / count, own: size - count - 1, unfollowed }
}

const turn = 100

async function singleAppends(bench: Bench) {
  const { single } = bench.sizes
  const bare = await openSwitched(bench, 'alone')
  const whole = await openEverything(bench, 'whole')
  const { table, file } = await freshPlainTable(bench, 'plain')
  const all = {
    plain: { append: (i: number) => table.append(entryAt(i)), times: [] as number[] },
    spine: { append: (i: number) => bare.log.append(entryAt(i)), times: [] as number[] },
    everything: { append: (i: number) => whole.log.append(entryAt(i)), times: [] as number[] },
  }
  for (let i = 0; i < 200; i++) await Promise.all(Object.values(all).map(({ append }) => append(i)))
  for (let from = 0; from < single; from += turn) {
    for (const { append, times } of Object.values(all)) {
      for (let i = from; i < from + turn; i++) times.push(await timed(() => append(i)))
      // The index of one must not come into the turn of the next.
      await Promise.all([bare.log.status(), whole.log.status()])
    }
  }
  await Promise.all([bare.close(), whole.close(), table.close()])
  for (const name of ['alone', 'whole']) removeLog(bench, name)
  removeDatabase(file)
  const p50 = Object.entries(all).map(([name, { times }]) => `${name} ${digits(percentile(times, 0.5))} ms`)
  bench.say(`single: p50 ${p50.join(', ')}`)
  return { plain: all.plain.times, spine: all.spine.times, everything: all.everything.times }
}
