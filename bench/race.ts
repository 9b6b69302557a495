/** The race of appending: the log beside what people use today, by callers, by the size of an entry, encrypted and not. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Bench, Measured } from './bench.ts'
import type { Chart, LineChart } from './chart.ts'
import { type ContenderName, contenderNames, contenders } from './contenders.ts'
import { digits, median, whole } from './measure.ts'
import { installPeers, peerVersions } from './peers.ts'
import type { Cell, RaceAnswer, RaceOrder, RaceTimes } from './race-child.ts'

/** The size at which all is compared in full; the others are run once. */
const usual = 700

interface Raced extends Cell {
  readonly rounds: readonly RaceTimes[]
}

export async function race(bench: Bench): Promise<Measured> {
  const { race: sizes } = bench.sizes
  const missing = sizes.peers ? installPeers() : 'left out of a run of this size'
  if (missing !== undefined) bench.say(`race: without the peers that must be installed: ${missing}`)
  const notRun = new Map<ContenderName, string>()
  const results: Raced[] = []
  const failures: string[] = []
  for (const encrypted of [true, false]) {
    const names = contenderNames.filter(name => !encrypted || contenders[name].encrypts)
    for (const name of names) {
      if (contenders[name].peer !== undefined && missing !== undefined) notRun.set(name, missing)
    }
    const children = new Map(names.filter(name => !notRun.has(name)).map(name => [name, new RaceChild()]))
    for (const bytes of sizes.entryBytes) {
      for (const callers of sizes.callers) {
        // In turns, so that a slow moment of the machine falls on all of them.
        const rounds = new Map<ContenderName, RaceTimes[]>([...children.keys()].map(name => [name, []]))
        for (let round = 0; round < (bytes === usual ? sizes.rounds : 1); round++) {
          for (const [name, child] of children) {
            const { warmMs, ms } = sizes
            const cell = { contender: name, encrypted, callers, bytes, warmMs, ms, folder: bench.folder }
            const answer = await child.run(cell)
            if ('times' in answer) rounds.get(name)!.push(answer.times)
            else {
              failures.push(`${contenders[name].title}, ${callers} callers, ${bytes} bytes: ${answer.failure}`)
              bench.say(`race: ${failures.at(-1)}`)
            }
          }
        }
        for (const [contender, times] of rounds) {
          if (times.length > 0) results.push({ contender, encrypted, callers, bytes, rounds: times })
        }
        const rates = results.slice(-rounds.size).map(raced => `${raced.contender} ${digits(rate(raced))}`)
        bench.say(`race, ${encrypted ? '' : 'not '}encrypted, ${callers} × ${bytes} bytes: ${rates.join(', ')}/s`)
      }
    }
    for (const child of children.values()) child.end()
  }
  return { figures: {}, ...describe(bench, results, notRun, failures) }
}

/** A process that runs one contender; when it dies, the next cell gets a new one. */
class RaceChild {
  #child: ChildProcess | undefined

  async run(order: RaceOrder): Promise<RaceAnswer> {
    this.#child ??= fork(fileURLToPath(new URL('./race-child.ts', import.meta.url)), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    const child = this.#child
    const stop = new AbortController()
    try {
      child.send(order)
      return await Promise.race([
        once(child, 'message', stop).then(([answer]) => answer as RaceAnswer),
        once(child, 'exit', stop).then(([code, signal]) => this.#died(`its process ended with ${signal ?? code}`)),
        once(AbortSignal.timeout(order.warmMs + order.ms + cellLimitMs), 'abort', stop).then(() => {
          child.kill('SIGKILL')
          return this.#died('no answer in time')
        }),
      ])
    } finally {
      stop.abort()
    }
  }

  end(): void {
    this.#child?.kill()
  }

  #died(failure: string): RaceAnswer {
    this.#child = undefined
    return { failure }
  }
}

/** What a cell may take beyond the time that is measured. */
const cellLimitMs = 90_000

function rate({ rounds }: Raced): number {
  return median(rounds.map(({ settled }) => settled))
}

function describe(
  bench: Bench,
  results: readonly Raced[],
  notRun: ReadonlyMap<ContenderName, string>,
  failures: readonly string[],
) {
  const { race: sizes } = bench.sizes
  const find = (contender: ContenderName, encrypted: boolean, callers: number, bytes: number) =>
    results.find(
      raced =>
        raced.contender === contender &&
        raced.encrypted === encrypted &&
        raced.callers === callers &&
        raced.bytes === bytes,
    )
  const inRace = (encrypted: boolean) =>
    contenderNames.filter(name => results.some(raced => raced.contender === name && raced.encrypted === encrypted))
  const matrix = (encrypted: boolean) => {
    const names = inRace(encrypted)
    return [
      `| bytes of JSON | callers | ${names.map(name => contenders[name].title).join(' | ')} | log ÷ plain table |`,
      `|---|---|${names.map(() => '---|').join('')}---|`,
      ...sizes.entryBytes.flatMap(bytes =>
        sizes.callers.map(callers => {
          const cells = names.map(name => find(name, encrypted, callers, bytes))
          const [log, plain] = (['log', 'plain'] as const).map(name => find(name, encrypted, callers, bytes))
          const ratio = log && plain ? digits(rate(log) / rate(plain)) : ''
          return `| ${whole(bytes)} | ${whole(callers)} | ${cells.map(cell => (cell ? digits(rate(cell)) : 'not measured')).join(' | ')} | ${ratio} |`
        }),
      ),
    ]
  }
  const latencies = [true, false].flatMap(encrypted =>
    inRace(encrypted).map(name => {
      const cells = sizes.callers.map(callers => find(name, encrypted, callers, usual))
      const both = (cell: Raced | undefined) =>
        cell
          ? `${digits(median(cell.rounds.map(({ p50 }) => p50)))} · ${digits(median(cell.rounds.map(({ p99 }) => p99)))}`
          : ''
      return `| ${contenders[name].title}${encrypted ? ', encrypted' : ''} | ${cells.map(both).join(' | ')} |`
    }),
  )
  const most = sizes.callers.at(-1)!
  const diskRows = [true, false].flatMap(encrypted =>
    inRace(encrypted).map(name => {
      const cells = sizes.entryBytes.map(bytes => find(name, encrypted, most, bytes)?.rounds[0])
      const times = (round: RaceTimes | undefined) => (round ? digits(round.diskBytes / round.jsonBytes) : '')
      return `| ${contenders[name].title}${encrypted ? ', encrypted' : ''} | ${cells.map(times).join(' | ')} |`
    }),
  )
  return {
    title: 'Append, by callers and size, beside what people use today',
    text: [
      `Each contender in a process of its own; into a new folder for each cell, ${whole(sizes.warmMs)} ms to warm up, then ${whole(sizes.ms)} ms in which so many callers append, each waiting for its answer before it appends again; all are answered at the end. ${sizes.rounds} rounds in turns at ${usual} bytes (median), one elsewhere. For the log the time ends when its index has caught up. Entries are those of \`bench/entries.ts\`: the smallest has no sealed content, and what grows beyond ${usual} bytes is the result, which the log seals. ${Object.entries(
        peerVersions(),
      )
        .map(pair => pair.join(' '))
        .join(', ')}.`,
      '',
      'They do not promise the same, so a number is to be read beside what it buys:',
      '',
      '| | durable at the answer | encrypted | tamper-evident | questions | as used here |',
      '|---|---|---|---|---|---|',
      ...contenderNames.map(name => {
        const { title, durable, secret, evident, questions, used } = contenders[name]
        return `| ${title} | ${durable} | ${secret} | ${evident} | ${questions} | ${used} |`
      }),
      '',
      ...[...notRun].flatMap(([name, reason]) => [`${contenders[name].title} is not in this run: ${reason}.`, '']),
      ...failures.flatMap(failure => [`Not measured: ${failure}.`, '']),
      'Entries a second, encrypted:',
      '',
      ...matrix(true),
      '',
      'Entries a second, not encrypted:',
      '',
      ...matrix(false),
      '',
      `Milliseconds from the call to the answer at ${usual} bytes, p50 · p99:`,
      '',
      `| | ${sizes.callers.map(callers => `${whole(callers)} ${callers === 1 ? 'caller' : 'callers'}`).join(' | ')} |`,
      `|---|${sizes.callers.map(() => '---|').join('')}`,
      ...latencies,
      '',
      `Bytes on disk after closing, × the entries' JSON, ${whole(most)} callers, in logs as short as these (the log's own numbers in a long one stand under “Bytes on disk”):`,
      '',
      `| | ${sizes.entryBytes.map(bytes => `${whole(bytes)} bytes`).join(' | ')} |`,
      `|---|${sizes.entryBytes.map(() => '---|').join('')}`,
      ...diskRows,
    ],
    charts: charts(bench, results),
  }
}

function charts(bench: Bench, results: readonly Raced[]): Chart[] {
  const { callers, entryBytes } = bench.sizes.race
  const usually = results.filter(({ bytes }) => bytes === usual)
  const byCallers = (encrypted: boolean, value: (raced: Raced) => number) =>
    lines(
      usually.filter(raced => raced.encrypted === encrypted),
      raced => [raced.callers, value(raced)],
    )
  const p50 = ({ rounds }: Raced) => median(rounds.map(times => times.p50))
  const x = { label: 'callers at once, each waiting for its answer', ticks: callers }
  const form = (encrypted: boolean) => (encrypted ? 'encrypted' : 'not encrypted')
  const durability = 'evlog’s own drain and hypercore answer before anything is synced; the others after.'
  const perForm = [true, false].flatMap((encrypted): LineChart[] => [
    {
      kind: 'lines',
      name: `append-throughput-${encrypted ? 'encrypted' : 'plain'}`,
      title: `Append throughput by callers, ${form(encrypted)}`,
      description: `Entries of ${usual} bytes a second; more is better. ${durability}`,
      x,
      y: { label: 'entries a second' },
      lines: byCallers(encrypted, rate),
    },
    {
      kind: 'lines',
      name: `append-latency-${encrypted ? 'encrypted' : 'plain'}`,
      title: `Append latency by callers, ${form(encrypted)}`,
      description: `Median time from the call to the answer, entries of ${usual} bytes; less is better. ${durability}`,
      x,
      y: { label: 'milliseconds, p50' },
      lines: byCallers(encrypted, p50),
    },
  ])
  const most = callers.at(-1)!
  const sized: LineChart = {
    kind: 'lines',
    name: 'append-size',
    title: `Append throughput by the size of an entry, ${whole(most)} callers, not encrypted`,
    description: `Megabytes of JSON a second; more is better. ${durability}`,
    x: { label: 'bytes of an entry’s JSON', ticks: entryBytes },
    y: { label: 'MB a second' },
    lines: lines(
      results.filter(raced => !raced.encrypted && raced.callers === most),
      raced => [raced.bytes, (rate(raced) * raced.rounds[0]!.jsonBytes) / 1e6],
    ),
  }
  return [...perForm, sized].filter(chart => chart.lines.length > 0)
}

function lines(results: readonly Raced[], point: (raced: Raced) => readonly [number, number]): LineChart['lines'] {
  return contenderNames.flatMap((name, style) => {
    const own = results.filter(({ contender }) => contender === name)
    return own.length === 0 ? [] : [{ name: contenders[name].title, style, points: own.map(point) }]
  })
}
