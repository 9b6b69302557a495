/**
 * Any byte of any file: the log as it lies on the disk, its write-ahead log, and everything in the folder of the keys. What
 * was changed is found, or refused in a sentence; what is neither stands in a table here and in docs/threat-model.md, and is
 * proven not to matter: the log says the same as before, and goes on the same.
 *
 * MEMMIMIC_LONG=bytes changes every byte of each file, in two ways.
 */
import { closeSync, cpSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { IdSource } from '../../src/append/clock.ts'
import { openWriter } from '../../src/append/writer.ts'
import { captureEntry } from '../../src/core/capture.ts'
import { AuditError } from '../../src/core/errors.ts'
import { parseSealKey } from '../../src/core/seal.ts'
import { fixedWorld } from '../../src/testing.ts'
import { openReader } from '../../src/trail/reader.ts'
import { type VerifyOptions, verifyLog } from '../../src/verify/log-verifier.ts'
import { drawn } from '../support/any-byte.ts'
import { recordEvidence } from '../support/evidence.ts'
import { differences, type Portrait, portraitOf } from '../support/portrait.ts'
import { Life, storeAt } from '../support/shapes.ts'

const isLong = process.env.MEMMIMIC_LONG === 'bytes'

/** Bytes of a file that may be changed without anyone noticing, and why that does not matter. */
interface Harmless {
  readonly file: RegExp
  /** Which bytes. */
  readonly where: (bytes: Uint8Array, at: number) => boolean
  readonly why: string
}

const pageSize = 4096
const anywhere = () => true

const harmless: readonly Harmless[] = [
  {
    file: /^audit\.db, encrypted$/,
    where: anywhere,
    why: 'A free page: nothing is read from it. Every other page is under its own MAC.',
  },
  {
    file: /^audit\.db, unencrypted$/,
    where: anywhere,
    why: 'Free pages, the unused space between rows, and fields of the header that SQLite keeps for itself.',
  },
  {
    file: /^audit\.db-wal, /,
    where: anywhere,
    why: 'Frames that a later one replaces, and those of the newest checkpoint alone, which the anchor remembers too.',
  },
  {
    file: /^audit\.db-shm, /,
    where: anywhere,
    why: 'Where to find what in the write-ahead log: whoever opens the log first makes it anew.',
  },
  {
    file: /\.pem, /,
    where: (bytes, at) => at === bytes.length - 1,
    why: 'The end of the last line.',
  },
  {
    file: /^(storage|seal)\.key|^storage\.check/,
    where: (bytes, at) => at === bytes.length - 1,
    why: 'White space behind the line.',
  },
  {
    file: /^storage\.key/,
    where: (bytes, at) => /[a-f]/.test(String.fromCharCode(bytes[at]!)),
    why: 'A digit in capitals: the same key.',
  },
  {
    file: /^subjects\.db, encrypted/,
    where: anywhere,
    why: 'The index over the subjects is read when something is written about somebody, and refused then.',
  },
  {
    file: /^subjects\.db, unencrypted/,
    where: anywhere,
    why: 'Unused space, and fields of the header that SQLite keeps for itself.',
  },
]

type Outcome = 'detected' | 'refused' | 'harmless'

const isSentence = (error: unknown) => error instanceof AuditError && /^[^\n]{10,400}$/.test(error.message)
const refusal = (error: unknown): Outcome | string =>
  isSentence(error) ? 'refused' : `is answered by ${String((error as Error).stack)}`

/** Behind everything that happens here; not by many epochs, each of which costs a key. */
const afterwards = fixedWorld().time + 4 * 86_400e6

/** Changes one byte of a file, does something, and puts it back. */
async function flipped<T>(file: string, bytes: Buffer, at: number, mask: number, then: () => Promise<T>): Promise<T> {
  const put = (byte: number) => {
    const fd = openSync(file, 'r+')
    writeSync(fd, Uint8Array.of(byte), 0, 1, at)
    closeSync(fd)
  }
  put(bytes[at]! ^ mask)
  try {
    return await then()
  } finally {
    put(bytes[at]!)
  }
}

/** The bytes of a file that are changed: all; or those of its header, an end of each page, and some between. */
function placesIn(name: string, length: number, share: number): number[] {
  if (isLong) return Array.from({ length }, (_, i) => i)
  const places = new Set<number>([0, length - 1])
  for (let at = 0; at < Math.min(100, length); at += Math.ceil(200 / share)) places.add(at)
  for (let page = 0; page < length; page += pageSize)
    places.add(Math.min(length - 1, page + drawn(`${name} ${page}`, 16)))
  for (let i = 0; i < share; i++) places.add(drawn(`${name} ${i}`, length))
  return [...places].sort((a, b) => a - b)
}

/** Going on with the log is tried for one of so many changes of a file that nothing is found about, and for its header. */
const goesOnFor = isLong ? 50 : 12

const total = { files: 0, flips: 0, detected: 0, refused: 0, harmless: 0 }
const perFile: Record<string, number> = {}
afterAll(() => recordEvidence('any-byte-files', { ...total, ...perFile }))

/** Plays every change of a file, and says what escapes. */
async function playAll(
  path: string,
  name: string,
  share: number,
  judge: (at: number) => Promise<Outcome | string>,
): Promise<string[]> {
  const bytes = readFileSync(path)
  const escaped = new Map<string, number[]>()
  for (const at of placesIn(name, bytes.length, share)) {
    for (const mask of isLong ? [1 << drawn(`${name} ${at}`, 8), 0xff] : [1 << drawn(`${name} ${at}`, 8)]) {
      let outcome = await flipped(path, bytes, at, mask, () => judge(at))
      if (outcome === 'the same' && harmless.some(row => row.file.test(name) && row.where(bytes, at)))
        outcome = 'harmless'
      total.flips++
      perFile[name] = (perFile[name] ?? 0) + 1
      if (outcome in total) total[outcome as 'detected']++
      else escaped.set(outcome, [...(escaped.get(outcome) ?? []), at])
    }
  }
  total.files++
  return [...escaped].map(([outcome, at]) => `${name}: ${outcome}, at ${at.join(' ')}`)
}

/** What a check of the log in a folder says of it, and, where it finds nothing, what comes of going on with it. */
async function judgeLog(
  folder: string,
  pristine: string,
  known: VerifyOptions,
  before: Portrait,
  at: number,
): Promise<Outcome | string> {
  const file = join(folder, 'audit.db')
  try {
    const store = storeAt(file, join(folder, 'keys'))
    try {
      if ((await verifyLog(store, known)).findings.length > 0) return 'detected'
      // A checkpoint less, or the one before it in its place: each was just verified.
      const parts = differences(before, await portraitOf(store)).filter(part => part !== 'checkpoints')
      if (parts.length > 0) return `is not noticed: ${parts.join(', ')}`
    } finally {
      await store.close()
    }
    return at < 100 || at % goesOnFor === 0 ? await goOn(folder, pristine, known) : 'the same'
  } catch (error) {
    return refusal(error)
  }
}

/**
 * An entry more, as the keys in the folder allow it. Then the log is checked with the keys that are known from elsewhere,
 * and, as whoever has only the folder would, with those in it.
 */
async function goOn(folder: string, pristine: string, known: VerifyOptions): Promise<Outcome | 'the same'> {
  const own = `${folder}-own`
  cpSync(folder, own, { recursive: true })
  const [file, keys] = [join(own, 'audit.db'), join(own, 'keys')]
  try {
    const world = fixedWorld(afterwards)
    const checkpoints = { everyEntries: 1e9, everyMs: 1e9 }
    const writer = await openWriter({ file, keys, checkpoints, onFailure: 'refuse' }, world)
    try {
      const time = world.now()
      const actor = { type: 'user', id: 'ada' }
      const entry = { operation: 'after', component: 'memory', actor, userContext: { n: 1 } }
      await writer.append([captureEntry(entry, { id: new IdSource(world).next(time), time })])
    } finally {
      await writer.close()
    }
    const store = storeAt(file, pristine)
    const { findings } = await verifyLog(store, known)
    await store.close()
    if (findings.length > 0) return 'detected'
    return await judgeFolder(file, keys)
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

/** What someone finds who has nothing but the log and the folder of its keys. */
async function judgeFolder(file: string, keys: string): Promise<Outcome | 'the same'> {
  const reader = await openReader({ file, keys })
  try {
    const { findings, trust } = await reader.verify({ deep: true })
    return findings.length > 0 || trust !== 'anchored' ? 'detected' : 'the same'
  } finally {
    await reader.close()
  }
}

const knownOf = (life: Life): VerifyOptions => ({
  verifiers: life.publicKeys.verifiers,
  sealKey: parseSealKey(life.sealKey),
  anchors: [...life.notes],
  deep: true,
})

const dropBeside = (file: string) => {
  for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true })
}

describe.each([
  ['encrypted', {}],
  ['unencrypted', { encryption: 'none' }],
] as const)('any byte of the files of a log, %s', (how, options) => {
  it('the file itself', { timeout: 3_600_000 }, async () => {
    const life = await Life.begin(options)
    try {
      await life.together(270)
      await life.largeValues()
      await life.prune()
      await life.oneByOne(3)
      await life.rest()
      life.settle()
      const [before, known] = [await portraitOf(life.store()), knownOf(life)]
      const escaped = await playAll(life.file, `audit.db, ${how}`, 40, async at => {
        dropBeside(life.file)
        return await judgeLog(life.folder, life.keysFolder, known, before, at)
      })
      expect(escaped.join('\n')).toBe('')
    } finally {
      await life.dispose()
    }
  })

  it('its write-ahead log, and the index of that', { timeout: 3_600_000 }, async () => {
    const life = await Life.begin(options)
    const folder = `${life.folder}-copy`
    try {
      await life.oneByOne(4)
      await life.checkpoint()
      const [before, known] = [await portraitOf(life.store()), knownOf(life)]
      cpSync(life.folder, folder, { recursive: true })
      const file = join(folder, 'audit.db')
      for (const end of ['-wal', '-shm']) {
        const escaped = await playAll(file + end, `audit.db${end}, ${how}`, 30, at =>
          judgeCopy(life, known, before, folder, at),
        )
        expect(escaped.join('\n')).toBe('')
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
      await life.dispose()
    }
  })

  it('the folder of the keys', { timeout: 3_600_000 }, async () => {
    const life = await Life.begin({ ...options, subjectKeys: true })
    try {
      await life.oneByOne(2)
      await life.about('ada', 2)
      await life.rest()
      life.settle()
      const pristine = `${life.folder}-keys`
      const known = knownOf(life)
      const escaped: string[] = []
      cpSync(life.keysFolder, pristine, { recursive: true })
      for (const name of readdirSync(life.keysFolder).filter(name => !/-(wal|shm)$/.test(name))) {
        const path = join(life.keysFolder, name)
        escaped.push(...(await playAll(path, `${name}, ${how}`, 8, () => judgeKeys(life, known, pristine))))
      }
      rmSync(pristine, { recursive: true, force: true })
      expect(escaped.join('\n')).toBe('')
    } finally {
      await life.dispose()
    }
  })
})

/** A copy is judged on a copy of its own: opening it moves its write-ahead log into the file. */
async function judgeCopy(
  life: Life,
  known: VerifyOptions,
  before: Portrait,
  folder: string,
  at: number,
): Promise<Outcome | string> {
  const own = `${folder}-own`
  cpSync(folder, own, { recursive: true })
  try {
    return await judgeLog(own, life.keysFolder, known, before, at)
  } finally {
    rmSync(own, { recursive: true, force: true })
  }
}

async function judgeKeys(life: Life, known: VerifyOptions, pristine: string): Promise<Outcome | string> {
  try {
    const now = await judgeFolder(life.file, life.keysFolder)
    return now === 'detected' ? now : await goOn(life.folder, pristine, known)
  } catch (error) {
    return refusal(error)
  }
}
