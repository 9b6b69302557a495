/** Rows 32, 33 and 38: processes that race, die, or lose their power. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { FileAnchor } from '../../append/anchor.ts'
import { GroupCommit } from '../../append/group-commit.ts'
import { anchorFile } from '../../append/places.ts'
import { Sequencer } from '../../append/sequencer.ts'
import { leafHashHex } from '../../core/hash.ts'
import { openLogFile, openSqliteStore } from '../../store/sqlite.ts'
import { FaultStore } from '../../testing/fault-store.ts'
import { findNothing, judge } from '../judge.ts'
import { type Came, Escape, type Trial } from '../move.ts'
import { Drafts, type LogPlace, openForWriting } from '../sample-log.ts'
import { type Scene, withSubjects } from '../scene.ts'

/** Entries that each of two processes writes, if it lives. */
const raced = 40

export const processMoves: readonly Trial[] = [
  {
    row: '32',
    move: 'let two processes write at once, and kill one of them',
    promise: 'nothing found, and nothing lost that was acknowledged',
    async run(scene) {
      const place = scene.copy('race')
      const survivor = startRacer(place, String(raced))
      const killed = startRacer(place, '1000000')
      const receipts = [...(await killed.until(15)), ...(await survivor.until(raced))]
      await findNothing(scene, place)
      await expectAll(scene, place, receipts)
      return { by: 'nothing lost' }
    },
  },
  {
    row: '33',
    move: 'cut the power: lose the end of the write-ahead log, wherever that falls',
    promise: 'the log as it was after a commit, and nothing found',
    run: cutPower,
  },
  {
    row: '38',
    move: 'announce an act, and kill the process',
    promise: 'incomplete, naming it',
    async run(scene) {
      const place = scene.copy('intent')
      const [receipt] = await startRacer(place, 'intent').until(1)
      return await expectMissing(scene, place, 'open_intent', Number(receipt!.split(' ')[0]))
    },
  },
  {
    row: '38',
    move: 'open a session, and never close it',
    promise: 'incomplete, naming it',
    async run(scene) {
      const place = scene.copy('session')
      const clock = scene.clock()
      const writer = await openForWriting(place, clock)
      const [receipt] = await writer.append([
        new Drafts(clock).entry({ operation: 'session', component: 'memory', kind: 'intent', session: 's' }),
      ])
      await writer.close()
      return await expectMissing(scene, place, 'open_intent', receipt!.seq)
    },
  },
  {
    row: '38',
    move: 'drop entries on their way in',
    promise: 'incomplete, with their number',
    async run(scene) {
      const place = scene.copy('gap')
      const { keys } = scene
      const world = scene.clock()
      const file = openSqliteStore({ file: place.file, key: keys.storage, mode: 'write' })
      const store = new FaultStore(file)
      const sequencer = new Sequencer({ store, keys, anchor: new FileAnchor(anchorFile(place.keys)), world })
      const group = new GroupCommit({ sequencer, world, checkpoints: { everyEntries: 1e9, everyMs: 1e9 } })
      const drafts = new Drafts(world)
      store.next = 'lost'
      const isTold = await group.append(drafts.samples(3)).then(
        () => false,
        () => true,
      )
      if (!isTold) throw new Escape('nobody was told that the entries are lost')
      const [receipt] = await group.append(drafts.samples(1))
      await group.close()
      file.close()
      return await expectMissing(scene, place, 'gap', receipt!.seq - 1)
    },
  },
]

/** A process that writes to a log, and what it says it wrote. */
function startRacer({ file, keys }: LogPlace, count: string): { until(lines: number): Promise<string[]> } {
  const script = fileURLToPath(new URL(`./racer${extname(import.meta.filename)}`, new URL('..', import.meta.url)))
  const child = spawn(process.execPath, [script, file, keys, count], { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'close')
  let trouble = ''
  child.stderr.on('data', (text: Buffer) => {
    trouble += text.toString()
  })
  const said: string[] = []
  createInterface(child.stdout).on('line', line => {
    said.push(line)
    child.emit('said')
  })
  return {
    async until(lines) {
      while (said.length < lines) {
        await Promise.race([once(child, 'said'), ended])
        if (child.exitCode !== null && said.length < lines) throw new Escape(`a writer gave up: ${trouble.trim()}`)
        if (child.signalCode !== null) break
      }
      if (Number(count) > lines) child.kill('SIGKILL')
      await ended
      return said
    },
  }
}

/** Every entry that somebody has a receipt for must be there. */
async function expectAll(
  { keys }: Scene,
  { file, keys: folder }: LogPlace,
  receipts: readonly string[],
): Promise<void> {
  const log = withSubjects(openSqliteStore({ file, key: keys.storage, mode: 'read' }), folder)
  try {
    for (const receipt of receipts) {
      const [seq, hash] = receipt.split(' ')
      let there: string | undefined
      for await (const [entry] of log.entries(Number(seq), Number(seq) + 1)) there = entry && leafHashHex(entry.leaf)
      if (there !== hash) throw new Escape(`entry ${seq} was acknowledged, and is not there`)
    }
  } finally {
    await log.close()
  }
}

async function expectMissing(scene: Scene, place: LogPlace, kind: string, seq: number): Promise<Came> {
  const { complete, missing } = await findNothing(scene, place)
  if (complete) throw new Escape('the log is said to be complete')
  if (!missing.some(omission => omission.kind === kind && omission.seq === seq)) {
    throw new Escape(`entry ${seq} is not named among what is missing`)
  }
  return { by: `incomplete: ${kind}`, seq }
}

/** Ends of the write-ahead log, of which each is lost once. */
const cuts = 10

async function cutPower(scene: Scene): Promise<Came> {
  const place = scene.copy('power')
  const settled = openLogFile({ file: place.file, key: scene.keys.storage, mode: 'write' })
  settled.pragma('wal_checkpoint(TRUNCATE)')
  settled.close()
  const clock = scene.clock()
  const drafts = new Drafts(clock)
  const writer = await openForWriting(place, clock)
  const sizes = [scene.size]
  let file: Buffer
  let wal: Buffer
  try {
    for (const count of [1, 5, 40]) sizes.push((await writer.append(drafts.samples(count))).at(-1)!.seq + 1)
    file = readFileSync(place.file)
    wal = readFileSync(`${place.file}-wal`)
  } finally {
    await writer.close()
  }
  const after = { file: join(scene.folder, 'power', 'after.db'), keys: place.keys }
  for (let cut = 0; cut <= cuts; cut++) {
    for (const end of ['', '-wal', '-shm']) rmSync(after.file + end, { force: true })
    writeFileSync(after.file, file)
    writeFileSync(`${after.file}-wal`, wal.subarray(0, Math.floor((wal.length * cut) / cuts)))
    const report = await judge(after, scene.knownAt('anchored'))
    const what = `with ${cut} of ${cuts} parts of the write-ahead log`
    if (report === undefined) throw new Escape(`${what} the log cannot be opened`)
    if (report.findings[0] !== undefined)
      throw new Escape(`${what}: ${report.findings[0].message}`, { falseAlarm: true })
    if (!sizes.includes(report.size)) throw new Escape(`${what} it has ${report.size} entries, as after no commit`)
    if (cut === cuts && report.size !== sizes.at(-1)) throw new Escape('an acknowledged entry is lost')
  }
  return { by: 'as after a commit' }
}
