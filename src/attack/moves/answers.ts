/** Rows 34, 39 and 40: what is asked of the software around the log. */
import { type GuardedLog, guardLog } from '../../access/guarded-log.ts'
import type { Principal } from '../../access/principal.ts'
import { captureEntry } from '../../core/capture.ts'
import { AuditError } from '../../core/errors.ts'
import { finding } from '../../core/finding.ts'
import { parseJson } from '../../core/json.ts'
import { commitment, formatPreimage, opens } from '../../core/sealed.ts'
import { type Micros, uuidv7 } from '../../core/time.ts'
import { AlertBook } from '../../detect/alert-book.ts'
import { defaultDetectSettings } from '../../detect/settings.ts'
import { placesOf, reportedSighting } from '../../detect/tampering.ts'
import { openReader } from '../../trail/reader.ts'
import { type Came, Escape, type Trial } from '../move.ts'
import { Drafts, openForWriting } from '../sample-log.ts'
import type { Scene } from '../scene.ts'

export const answerMoves: readonly Trial[] = [
  {
    row: '34',
    move: 'hand in one value in several spellings',
    promise: 'one leaf, or refused',
    run: handInTwins,
  },
  {
    row: '39',
    move: 'flood the detector with harmless failures before a real one',
    promise: 'the real one is raised',
    run: floodDetector,
  },
  {
    row: '39',
    move: 'raise ten thousand alerts in one millisecond',
    promise: 'as many ids',
    run() {
      const { book, report } = newBook()
      for (let i = 0; i < 10_000; i++) report({ entryId: `entry ${i}` }, 0)
      const ids = new Set(book.all().map(({ id }) => id))
      if (ids.size !== book.size) throw new Escape(`${book.size} alerts have ${ids.size} ids`)
      return { by: 'told apart' }
    },
  },
  {
    row: '40',
    move: 'ask for what is above one’s clearance',
    promise: 'closed, and on record',
    run: scene => askAbove(scene, 'closed'),
  },
  {
    row: '40',
    move: 'ask for what one may not know to be there',
    promise: 'refused, and on record',
    run: scene => askAbove(scene, 'nothing'),
  },
  {
    row: '40',
    move: 'guess a sealed value from its commitment',
    promise: 'infeasible: the salt',
    run: guess,
  },
]

function handInTwins(): Came {
  const place = { id: '01a00000-0000-7000-8000-000000000000', time: 0 }
  const draftOf = (attributes: unknown) => {
    const entry = {
      operation: 'remember',
      component: 'memory',
      attributes: attributes as never,
      userContext: attributes,
    }
    const { first, sealed } = captureEntry(entry, place)
    return `${first}${sealed.join()}`
  }
  const same: readonly [unknown, unknown][] = [
    [{ n: 0 }, { n: -0 }],
    [{ n: 1 }, { n: 1.0 }],
    [{ n: 100 }, { n: 1e2 }],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [JSON.parse('{"a":"\\u0041"}'), { a: 'A' }],
  ]
  for (const [a, b] of same) {
    if (draftOf(a) !== draftOf(b)) throw new Escape(`${JSON.stringify(a)} has two leaves`)
  }
  if (draftOf({ a: 'é' }) === draftOf({ a: 'e\u0301' })) throw new Escape('two texts have one leaf')
  const refused: readonly [string, () => unknown][] = [
    ['a name twice', () => parseJson('{"a":1,"a":2}')],
    ['1e21', () => draftOf({ n: 1e21 })],
    ['a number that is none', () => draftOf({ n: Number.NaN })],
    ['half a character', () => draftOf({ a: '\ud800' })],
  ]
  for (const [what, hand] of refused) {
    if (!isRefused(hand)) throw new Escape(`${what} is taken`)
  }
  return { by: 'one leaf' }
}

function isRefused(work: () => unknown): boolean {
  try {
    work()
    return false
  } catch (error) {
    if (error instanceof AuditError) return true
    throw error
  }
}

function newBook() {
  let made = 0
  const book = new AlertBook(defaultDetectSettings, () => uuidv7(0, counted(made++)))
  const report = (event: object, at: Micros) =>
    book.see(reportedSighting({ type: 'hash_mismatch', description: 'told', ...event }, at), at)
  return { book, report }
}

function counted(n: number): Uint8Array {
  const bytes = Buffer.alloc(10)
  bytes.writeUInt32BE(n, 6)
  return bytes
}

function floodDetector(): Came {
  const { book, report } = newBook()
  for (let i = 0; i < 20_000; i++) {
    report({ type: 'missing_entry', severity: 'medium', entryId: `no such entry ${i}` }, i)
    report({ type: 'suspicious_pattern', severity: 'low', entryId: `not now ${i}` }, i)
  }
  const real = finding('missing_entry', 'entry 7 is not there', { seq: 7 })
  const [place] = placesOf([real], 1000, 30_000, (type, seq) => book.aboutEntry(type, seq))
  const seen = book.see(place!.sighting, 30_000)
  if (seen.news !== 'raised') throw new Escape('the real one was not told')
  if (book.get(seen.alert)?.type !== 'missing_entry') throw new Escape('the real one is not kept')
  return { by: 'alert raised' }
}

/** Somebody who may read up to `internal` asks for an entry that is `secret`. */
async function askAbove(scene: Scene, aboveClearance: Principal['aboveClearance']): Promise<Came> {
  const place = scene.copy('access')
  const clock = scene.clock()
  const drafts = new Drafts(clock)
  const writer = await openForWriting(place, clock)
  const reader = await openReader(place)
  try {
    const secret = { operation: 'remember', component: 'memory', securityLevel: 'secret', memoryId: 'x1' } as const
    const [receipt] = await writer.append([drafts.entry(secret)])
    const seq = receipt!.seq
    const mine: GuardedLog<never> = guardLog(nobody, somebody(aboveClearance), {
      reader,
      control: async entry => (await writer.append([drafts.control(entry)]))[0]!,
    })
    const given = await mine.get(seq)
    const isTold = aboveClearance === 'nothing' ? given !== undefined : given?.memoryId !== undefined
    if (isTold) throw new Escape('it was shown')
    const operation = aboveClearance === 'nothing' ? 'access.refused' : 'access.read'
    const [record] = await reader.query({ operation }, { limit: 1, order: 'desc' })
    if (record?.attributes?.entry !== seq) throw new Escape('it is not on record')
    return { by: aboveClearance === 'nothing' ? 'refused, on record' : 'closed, on record', seq: record.seq }
  } finally {
    await reader.close()
    await writer.close()
  }
}

const somebody = (aboveClearance: Principal['aboveClearance']): Principal => ({
  actor: { type: 'user', id: 'mallory' },
  grants: [{ clearance: 'internal', components: ['*'], permissions: ['read', 'disclose'] }],
  aboveClearance,
})

const refuse = () => Promise.reject(new AuditError('not_allowed', 'nothing is written here'))
const nobody = { append: refuse, begin: refuse, checkpoint: refuse }

/** The value is among the guesses; without its salt nobody can tell. */
function guess(scene: Scene): Came {
  const json = '"guessed"'
  const salt = Buffer.from(scene.clock().random(16))
  const committed = commitment(formatPreimage({ salt, name: 'memoryId', json }))
  if (!opens(committed, { salt, name: 'memoryId', json }))
    throw new Escape('a commitment does not open', { falseAlarm: true })
  for (let i = 0; i < 10_000; i++) {
    const guessed = Buffer.alloc(16)
    guessed.writeUInt32BE(i, 12)
    if (opens(committed, { salt: guessed, name: 'memoryId', json })) throw new Escape('it was guessed')
  }
  return { by: 'infeasible' }
}
