/** The page about a run: what was done, whether anything was broken, and whether anything grew. */
import type { Sample } from './gauges.ts'
import type { SoakSummary } from './soak.ts'

/** Rows of the table over time. */
const rows = 24

export function formatPage(
  { seed, minutes, broken, entries, acknowledged, done, trends }: SoakSummary,
  samples: readonly Sample[],
): string {
  const step = Math.max(1, Math.ceil(samples.length / rows))
  const shown = samples.filter((_, i) => i % step === 0 || i === samples.length - 1)
  const verdict = broken.length === 0 ? 'No invariant was broken.' : `**${broken.length} invariants were broken:**`
  return [
    '# The soak',
    '',
    'Written by `npm run soak -- --minutes 60 --page`: appends and calls in three processes of which two are killed again and',
    'again, questions, checks, proofs against remembered checkpoints, retention, erasure, rotation, alerts, reports, exports,',
    'backups, restores, freezing and restarts, all at once, while twelve days pass on the clock. Every receipt is held against the log.',
    '',
    `${minutes} minutes, seed ${seed}. ${verdict}`,
    ...broken.map(sentence => `- ${sentence}`),
    '',
    `${acknowledged} entries were acknowledged and found in the log, or given up on record by a restore; in the end it had ${entries}.`,
    '',
    '| done | times |',
    '|---|--:|',
    ...Object.entries(done).map(([what, times]) => `| ${what} | ${times} |`),
    '',
    'Does anything grow? The middle of each figure in the second quarter of the run, and in the last:',
    '',
    '| figure | second quarter | last quarter |',
    '|---|--:|--:|',
    ...Object.entries(trends).map(([figure, { second, last }]) => `| ${figure} | ${second} | ${last} |`),
    '',
    '| s | entries | memory, MB | descriptors | log, MB | its write-ahead log | index, MB | append p50, ms | p99 | query p50, ms |',
    '|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|',
    ...shown.map(
      ({ at, entries: n, rssMb, descriptors, logMb, walMb, indexMb, appendP50, appendP99, queryP50 }) =>
        `| ${[at, n, rssMb, descriptors, logMb, walMb, indexMb, appendP50, appendP99, queryP50].join(' | ')} |`,
    ),
    '',
  ].join('\n')
}
