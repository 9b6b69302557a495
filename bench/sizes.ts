/** How much is measured in a run: for the page, in a hurry, and only to see that everything works. */
import type { Sizes } from './bench.ts'
import { entrySizes } from './entries.ts'

/** For the page: at most half an hour. */
export const full: Sizes = {
  group: 200_000,
  rounds: 5,
  hostRounds: 5,
  single: 2000,
  big: 1_000_000,
  verifyRounds: 3,
  proofs: 2000,
  opens: 7,
  queries: 200,
  ingest: 1_000_000,
  switched: 80_000,
  switchedRounds: 3,
  checks: 1000,
  history: 1_000_000,
  race: { callers: [1, 16, 256, 4096], entryBytes: entrySizes, warmMs: 300, ms: 800, rounds: 3, peers: true },
  lengths: [10_000, 100_000, 1_000_000],
  calls: 1000,
  built: true,
}

/** Under two minutes, without the parts that are left out of it. */
export const quick: Sizes = {
  group: 100_000,
  rounds: 3,
  hostRounds: 2,
  single: 600,
  big: 60_000,
  verifyRounds: 2,
  proofs: 400,
  opens: 3,
  queries: 60,
  ingest: undefined,
  switched: 20_000,
  switchedRounds: 2,
  checks: 200,
  history: 100_000,
  race: { callers: [1, 4096], entryBytes: [700], warmMs: 300, ms: 500, rounds: 1, peers: true },
  lengths: [10_000, 60_000],
  calls: 200,
  built: true,
}

/** Seconds: its numbers mean nothing. */
export const tiny: Sizes = {
  group: 500,
  rounds: 1,
  hostRounds: 1,
  single: 100,
  big: 2000,
  verifyRounds: 1,
  proofs: 20,
  opens: 1,
  queries: 4,
  ingest: 500,
  switched: 200,
  switchedRounds: 1,
  checks: 8,
  history: 500,
  race: { callers: [1, 16], entryBytes: [200, 700], warmMs: 10, ms: 20, rounds: 1, peers: false },
  lengths: [2000],
  calls: 25,
  built: false,
}
