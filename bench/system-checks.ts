/** Verification of single entries and of short runs, as whoever holds the system asks for it. */
import { assemble } from '../src/assembly.ts'
import { CryptographicVerifier } from '../src/verify/cryptographic-verifier.ts'
import { type Bench, callers, freshLog, type Measured, removeLog } from './bench.ts'
import type { BigLog } from './big-log.ts'
import { entryAt } from './entries.ts'
import { digits, flatOut, percentile, seededRandom, timed } from './measure.ts'

const shortLog = 10_000
const chainLength = 100

interface Times {
  readonly size: number
  /** The first one after the opening. */
  readonly first: number
  readonly entry: number[]
  /** Of the same, what the check itself says that it took. */
  readonly work: number[]
  /** With K₀ given, so that the seal is checked whenever it was made. */
  readonly sealed: number[]
  readonly chain: number[]
}

/** In a log of ten thousand entries, and in the long one: it must make no difference. */
export async function systemChecks(bench: Bench, long: BigLog): Promise<Measured> {
  const { log, ...short } = await freshLog(bench, 'short')
  await flatOut(callers, shortLog, i => log.append(entryAt(i)))
  await log.close()
  const measured = [await checkTimes(bench, short), await checkTimes(bench, long)] as const
  removeLog(bench, 'short')
  const worst = (of: 'entry' | 'chain') => Math.max(...measured.map(times => percentile(times[of], 0.95)))
  const each = (of: 'entry' | 'chain') =>
    measured.map(times => `${digits(percentile(times[of], 0.95))} at ${digits(times.size)} entries`).join(', ')
  bench.say(`checks: p95 of an entry ${each('entry')} ms; of a chain ${each('chain')} ms`)
  const rows = measured.flatMap(({ size, first, entry, work, sealed, chain }) => [
    `| ${digits(size)} entries: one entry | ${percentiles(entry)} |`,
    `| … the work alone, without the way to the reader's thread and back | ${percentiles(work)} |`,
    `| … the first after opening | ${digits(first)} | | | |`,
    `| … with K₀, so that seals of all epochs are checked | ${percentiles(sealed)} |`,
    `| … a chain of ${chainLength} | ${percentiles(chain)} |`,
  ])
  return {
    figures: { entryCheckP95Ms: worst('entry'), chainOf100P95Ms: worst('chain') },
    spreads: { entryCheckP95Ms: each('entry'), chainOf100P95Ms: each('chain') },
    title: 'Verification of one entry, and of a chain of a hundred',
    text: [
      `\`CryptographicVerifier.verifyEntryIntegrity\` of ${digits(bench.sizes.checks)} entries and \`HashChainVerifier.verifyHashChainIntegrity\` of ${digits(chainsOf(bench))} runs of ${chainLength}, anywhere in the log, one after the other, in an open system with its threads and every default; each verdict is also told to metrics and detection. Milliseconds from the call to the answer.`,
      '',
      '| | p50 | p95 | p99 | max |',
      '|---|---|---|---|---|',
      ...rows,
    ],
  }
}

function chainsOf(bench: Bench): number {
  return Math.ceil(bench.sizes.checks / 4)
}

async function checkTimes(bench: Bench, places: { file: string; keys: string; sealKey: string }): Promise<Times> {
  const { file, keys, sealKey } = places
  const system = await assemble({ file, keys, closeOnExit: false })
  const { size } = await system.log.status()
  const random = seededRandom(21)
  const { verifier, chain, quietReader, events, world } = system
  const withKey = new CryptographicVerifier({ log: quietReader, events, now: () => world.now(), sealKey })
  const anySeq = () => Math.floor(random() * size)
  const work: number[] = []
  const check = async (by: CryptographicVerifier, seq: number) => {
    const { status, details, verificationTimeMs } = await by.verifyEntryIntegrity(seq)
    if (status !== 'valid') throw new Error(`entry ${seq} does not verify: ${details}`)
    work.push(verificationTimeMs)
  }
  const first = await timed(() => check(verifier, anySeq()))
  for (let i = 0; i < 50; i++) await check(verifier, anySeq())
  work.length = 0
  const entry: number[] = []
  for (let i = 0; i < bench.sizes.checks; i++) {
    const seq = anySeq()
    entry.push(await timed(() => check(verifier, seq)))
  }
  const ownWork = [...work]
  const sealed: number[] = []
  for (let i = 0; i < bench.sizes.checks; i++) {
    const seq = anySeq()
    sealed.push(await timed(() => check(withKey, seq)))
  }
  const chains: number[] = []
  for (let i = 0; i < chainsOf(bench); i++) {
    const startPosition = Math.floor(random() * (size - chainLength))
    chains.push(
      await timed(async () => {
        const found = await chain.verifyHashChainIntegrity({ startPosition, endPosition: startPosition + chainLength })
        if (!found.valid) throw new Error(`the chain from ${startPosition} on does not verify`)
      }),
    )
  }
  await system.close()
  return { size, first, entry, work: ownWork, sealed, chain: chains }
}

function percentiles(values: readonly number[]): string {
  return [0.5, 0.95, 0.99, 1].map(p => digits(percentile(values, p))).join(' | ')
}
