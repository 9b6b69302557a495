/**
 * What this software promises, each promise with its limit and with the tests that would fail if it were broken.
 *
 * `main.ts` makes `docs/promises.md` of it. `test/promises.test.ts` sees to it that each test is there, that every row of
 * the threat table and of `docs/threat-model.md` stands behind a promise, and that no promise stands alone.
 */
import type { Trust } from '../src/core/finding.ts'

export interface Promised {
  /** In a few words: the heading, and the first column of the table. */
  readonly promise: string
  /** What exactly holds. */
  readonly text: string
  /** From which trust label on it holds, where that matters. */
  readonly from?: Trust
  /** What it does not cover. */
  readonly limit: string
  /** The rows of the threat table that it answers. */
  readonly rows?: readonly string[]
  readonly shown: readonly Shown[]
  /** Counts that tests leave behind. */
  readonly evidence?: readonly string[]
}

export interface Shown {
  /** From the root of the repository. */
  readonly file: string
  /** A part of the names of the tests that are meant; all of the file unless given. */
  readonly name?: string
}

const kit: Shown = { file: 'test/attacks/attacks.test.ts', name: 'every move is answered as promised' }
const walk: Shown = { file: 'test/attacks/attacks.test.ts', name: 'a random walk' }

export const promised: readonly Promised[] = [
  {
    promise: 'A change in an entry is noticed',
    text: 'A bit, a field, a time, a link, a sealed value, its salt or its name: whatever is changed in an entry is a finding that names the entry.',
    from: 'chained',
    limit:
      'The file alone cannot show that it was not written anew as a whole, by someone patient: see the promises from `signed` on.',
    rows: ['1', '2', '3', '6', '7', '17', '34'],
    shown: [kit, walk, { file: 'test/attacks/any-byte.test.ts' }],
    evidence: ['attack-kit', 'any-byte'],
  },
  {
    promise: 'No entry goes, comes or moves unnoticed',
    text: 'An entry that is deleted, added, doubled, swapped, numbered anew, or taken from another log is a finding at its place.',
    from: 'chained',
    limit:
      'What is cut off at the end, with everything that mentions it, only an anchor remembers. What nobody ever logged is not missed.',
    rows: ['8', '9', '10', '11', '12', '22', '27', '30'],
    shown: [kit, walk],
    evidence: ['attack-kit'],
  },
  {
    promise: 'The tree, the seals and the signatures are checked, not believed',
    text: 'Tiles, the head, checkpoints, seals and the keys that a log names are held against each other and against what is known outside.',
    from: 'signed',
    limit: 'Who has the keys of today writes a perfect log from today on. Nothing local can help against that.',
    rows: ['13', '16', '23', '24', '25', '26', '37'],
    shown: [kit, walk, { file: 'test/core/note.test.ts' }],
    evidence: ['attack-kit'],
  },
  {
    promise: 'A log that was cut short, emptied or put back is noticed',
    text: 'The anchor, outside of the file, remembers the newest checkpoint: a log that is shorter, older, another one or gone is a finding.',
    from: 'anchored',
    limit:
      'Entries after the newest checkpoint (10 000 entries, or 60 seconds) are not remembered yet. By default the anchor lies on the same machine: who can write both is not noticed. Keep a copy elsewhere.',
    rows: ['14', '18', '19', '20'],
    shown: [kit, walk],
    evidence: ['attack-kit'],
  },
  {
    promise: 'Stolen keys do not rewrite yesterday',
    text: 'Whoever takes the signing keys and the seal key of today and rewrites an earlier epoch is found by K₀, and by an anchor.',
    from: 'signed',
    limit: 'K₀ must be kept elsewhere, or a checkpoint. The epoch of the theft (15 minutes) can be written anew.',
    rows: ['15', '16'],
    shown: [kit, { file: 'test/core/seal.test.ts' }],
    evidence: ['attack-kit'],
  },
  {
    promise: 'The index decides nothing',
    text: 'Whatever is changed in the index is found by `--deep`; an index that is lost, cut, of another log or of another form is built again, and no answer shows what the log does not say.',
    from: 'chained',
    limit: 'Without `--deep`, who can write the index can leave entries out of answers.',
    rows: ['4', '5', '5a', '31'],
    shown: [
      kit,
      { file: 'test/index/log-index.test.ts', name: 'a change in the index file is found' },
      { file: 'test/attacks/any-byte-index.test.ts' },
      { file: 'test/attacks/planted.test.ts' },
    ],
    evidence: ['any-byte-index', 'planted-schema'],
  },
  {
    promise: 'Any byte that is flipped is found, refused, or does not matter',
    text: 'Each cell of each table, each byte of the files, of the write-ahead logs, of the keys and of the anchor. What does not matter is listed in the threat model, with the reason.',
    from: 'anchored',
    limit: 'In the test command a sample of the bytes is flipped; the long form flips every one of small logs.',
    shown: [
      { file: 'test/attacks/any-byte.test.ts' },
      { file: 'test/attacks/any-byte-index.test.ts' },
      { file: 'test/attacks/any-byte-files.test.ts' },
    ],
    evidence: ['any-byte', 'any-byte-index', 'any-byte-files'],
  },
  {
    promise: 'No false alarm',
    text: 'Nothing is found in honest logs of every age and shape: pruned, erased, archived, restored, rotated, migrated, frozen, spilled, of many writers, with clocks that were set.',
    limit: 'Shapes that nobody thought of. Lives put together by chance look for them.',
    rows: ['21', '29'],
    shown: [{ file: 'test/attacks/honest.test.ts' }, kit],
    evidence: ['honest-logs'],
  },
  {
    promise: 'What goes, goes on record',
    text: 'Retention, erasure, restoring and the change of keys leave entries that say so, in the same commit; a forged one excuses nothing.',
    limit: 'Who holds the keys can remove what they like, on record. The entry cannot say what was in it.',
    rows: ['21', '28', '29', '30'],
    shown: [
      kit,
      { file: 'test/verify/removal.test.ts' },
      { file: 'test/append/rotation.test.ts' },
      { file: 'test/backup/restore.test.ts' },
    ],
    evidence: ['restore'],
  },
  {
    promise: 'A forged proof or note is refused',
    text: 'Proofs for other trees, other indexes, other sizes, spliced, shortened, lengthened, forged between forks; notes in any spelling but one. Our trees agree with the slow definition of RFC 6962.',
    limit: 'As far as SHA-256, Ed25519 and ML-DSA-44 hold, and the code of Node that computes them.',
    rows: ['35', '36', '37'],
    shown: [
      { file: 'test/core/provers.test.ts' },
      { file: 'test/core/provers-signed.test.ts' },
      { file: 'test/core/provers-reader.test.ts' },
      { file: 'test/core/reference.test.ts' },
    ],
    evidence: ['lying-provers', 'lying-signers', 'lying-readers', 'reference-tree'],
  },
  {
    promise: 'What was acknowledged is there',
    text: 'After kill -9 at any moment and at any system call, after failed writes and syncs, a full disk, a power cut: every receipt stands in the log, no refused entry does, and the log has not forked.',
    limit:
      'A receipt means that the operating system said “on the disk”. A disk that lies about that can lose it. Power cuts are played by dropping recorded writes that were not synced, not by pulling plugs.',
    rows: ['32', '33'],
    shown: [
      { file: 'test/crash/kills.test.ts' },
      { file: 'test/crash/system-calls.test.ts' },
      { file: 'test/crash/power-cut.test.ts' },
      { file: 'test/crash/surroundings.test.ts' },
    ],
    evidence: ['crashes-kills', 'crashes-system-calls', 'crashes-power-cut', 'crashes-surroundings'],
  },
  {
    promise: 'Many writers, one log',
    text: 'Processes and threads that write one log, are killed and come back: no fork, no loss, no false alarm, and each gets its share.',
    limit: 'On one machine and one file system. A network file system with broken locks is not one.',
    rows: ['32'],
    shown: [{ file: 'test/crash/many-writers.test.ts' }],
    evidence: ['many-writers'],
  },
  {
    promise: 'What never ended is named',
    text: 'An intent without an outcome, a session that was killed, receipts that were dropped: `complete` is false, and says which.',
    limit: 'What a process never says, no log knows.',
    rows: ['38'],
    shown: [kit, { file: 'test/mcp/proxy-cli.test.ts' }],
  },
  {
    promise: 'Alarms cannot be drowned',
    text: 'A flood of harmless failures, or alerts that look alike, hide no real one.',
    limit: 'Thresholds are yours: what lies below them is no alert.',
    rows: ['39'],
    shown: [kit, { file: 'test/detect/tamper-detector.test.ts' }],
  },
  {
    promise: 'Who may not read is refused, on record, and cannot guess',
    text: 'A principal gets nothing above its clearance, the question is an entry, and a commitment does not betray its value.',
    limit: 'Access control is the program’s: who has the files and the storage key reads without a trace.',
    rows: ['40'],
    shown: [kit, { file: 'test/access/guarded-log.test.ts' }, { file: 'test/core/sealed.test.ts' }],
  },
  {
    promise: 'Hostile input is read in one way, or refused',
    text: 'Every parser gives its result or one clear refusal, in bounded time and memory, and writes back what it read in the same spelling.',
    limit: 'Fuzzing finds what it finds; it goes on by a flag. What was found once is played again each time.',
    rows: ['34', '36'],
    shown: [{ file: 'test/fuzz/fuzz.test.ts' }, { file: 'test/fuzz/outside.test.ts' }],
    evidence: ['fuzzing', 'fuzzing-outside'],
  },
  {
    promise: 'A check that cannot fail is found',
    text: 'Each guarantee is taken out of the code, one at a time, and the kit or a probe goes red. The checks of `core/` and `verify/` are mutated, and `npm run mutation` says [what survives](mutation.md).',
    limit: 'A canary is as good as its text. Mutations are small changes; a wrong idea is not one.',
    shown: [{ file: 'test/canaries/canaries.test.ts' }],
    evidence: ['canaries'],
  },
  {
    promise: 'It holds while everything happens at once',
    text: 'Appends, questions, checks, proofs, retention, erasure, rotation, alerts, backups and restarts together, for as long as asked, against a model of every receipt.',
    limit: 'A minute in the test command; longer by `npm run soak -- --minutes N`; [an hour of it](soak.md).',
    shown: [{ file: 'test/soak.test.ts' }],
    evidence: ['soak'],
  },
  {
    promise: 'More threads, the same verdict',
    text: 'A check that is shared between threads says what one thread says, finding for finding.',
    limit: 'On honest and tampered logs of the shapes that are tested.',
    shown: [{ file: 'test/verify/threads.test.ts' }],
    evidence: ['threaded-verification'],
  },
  {
    promise: 'No cost doubles unnoticed',
    text: 'Costs are held as ratios to a limit measured in the same run: the plain table, hashing, the JSON.',
    limit: 'Ratios vary on shared machines: what grows by less than the tolerance is not seen.',
    shown: [{ file: 'test/bench-guard.test.ts' }],
    evidence: ['benchmark-guard'],
  },
]
