/**
 * Everything that the log can do, all at once, for as long as asked: appends and calls in several processes, questions,
 * checks, proofs against every checkpoint that was remembered, retention, erasure, rotation, alerts, reports, exports,
 * backups, restores, freezing, restarts and kills. What the log says is held against what it acknowledged.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemWorld } from '../src/append/clock.ts'
import { loadPublicKeys } from '../src/append/keys.ts'
import { restoreLog } from '../src/backup/restore.ts'
import { equal } from '../src/core/bytes.ts'
import { type Checkpoint, openCheckpoint } from '../src/core/checkpoint.ts'
import { AuditError } from '../src/core/errors.ts'
import type { AuditEvent } from '../src/core/events.ts'
import type { VerificationReport } from '../src/core/finding.ts'
import { checkConsistency, consistencyProof, tilesForConsistency } from '../src/core/proof.ts'
import { isIn } from '../src/core/ranges.ts'
import { tileWidth } from '../src/core/tile.ts'
import { checkTlogProof, parseTlogProof } from '../src/core/tlog-proof.ts'
import { fetchTiles } from '../src/export/plan.ts'
import { verifyBundle } from '../src/export/verify-bundle.ts'
import { MemMimicAuditSystem } from '../src/memmimic-audit-system.ts'
import { removedFrom } from '../src/retention/retention.ts'
import { openReader, type Reader } from '../src/trail/reader.ts'
import { type Sample, type Trend, trend, usage, Waits } from './gauges.ts'
import { Helper } from './helper.ts'
import { Model } from './model.ts'
import { daysPerRun, fastWorld, type Speed } from './world.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly seed: number
  /** Told every few seconds how it goes. */
  readonly onSample?: (sample: Sample, summary: Pick<SoakSummary, 'broken'>) => void
}

export interface SoakSummary {
  readonly seed: number
  readonly minutes: number
  /** Invariants that were broken, in sentences; the first hundred. */
  readonly broken: readonly string[]
  readonly entries: number
  /** Receipts, of this process and of those that were killed; each was held against the log. */
  readonly acknowledged: number
  /** How often each thing was done. */
  readonly done: { readonly [what: string]: number }
  readonly trends: { readonly [figure: string]: Trend }
  readonly last: Sample
}

const sampleMs = 2000
const subjects = 25
const workers = 2
/** Checkpoints that each new one is proved to continue: the newest, and as many at random. */
const newest = 8
/** What a caller may be told while the log is frozen, crowded or being restarted. */
const passing: ReadonlySet<string> = new Set(['frozen', 'busy', 'closed'])

export async function soak({ minutes, seed, onSample = () => {} }: SoakOptions): Promise<SoakSummary> {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-soak-'))
  const run = new Run(folder, minutes, seed)
  try {
    return await run.go(onSample)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

class Run {
  readonly #folder: string
  readonly #file: string
  readonly #keys: string
  readonly #minutes: number
  readonly #seed: number
  readonly #speed: Speed
  readonly #model = new Model()
  readonly #broken: string[] = []
  readonly #done: Record<string, number> = {}
  readonly #appends = new Waits()
  readonly #queries = new Waits()
  #random: number
  #system!: MemMimicAuditSystem
  /** A reader beside that of the system: what is proved and held against the model is read through it. */
  #reader!: Reader
  #sealKey = ''
  #helpers: Helper[] = []
  #isOver = false
  /** Who works with the open log; whoever closes it waits for them, and keeps others out. */
  #inside = 0
  #closing: Promise<void> | undefined
  #remembered: Checkpoint[] = []
  /** Of trees that a restore gave up. */
  #givenUp: string[] = []
  /** The size of the largest backup that was put back. */
  #restored = 0
  #backups: { readonly file: string; readonly size: number; readonly root: string }[] = []
  #names = 0

  constructor(folder: string, minutes: number, seed: number) {
    this.#folder = folder
    this.#file = join(folder, 'audit.db')
    this.#keys = join(folder, 'keys')
    this.#minutes = minutes
    this.#seed = seed
    this.#random = seed | 0
    this.#speed = { start: systemWorld().now(), factor: (daysPerRun * 24 * 60) / minutes }
  }

  async go(onSample: (sample: Sample, summary: Pick<SoakSummary, 'broken'>) => void): Promise<SoakSummary> {
    await this.#open()
    for (let i = 0; i < workers; i++) await this.#startHelper(i)
    const started = performance.now()
    const samples: Sample[] = []
    const seconds = () => (performance.now() - started) / 1000
    const loops = [
      ...Array.from({ length: 4 }, (_, i) => this.#loop(8, () => this.#append(i))),
      this.#loop(40, () => this.#call()),
      this.#loop(30, () => this.#ask()),
      this.#loop(300, () => this.#verify()),
      this.#loop(150, () => this.#prove()),
      this.#loop(100, () => this.#compare()),
      this.#loop(1500, () => this.#kill()),
      this.#loop(700, () => this.#keepHouse()),
    ]
    for (let last = 0; seconds() < this.#minutes * 60; ) {
      await sleep(Math.min(sampleMs, Math.max(1, this.#minutes * 60_000 - seconds() * 1000)))
      const [appendP50 = 0, appendP99 = 0] = this.#appends.take(0.5, 0.99)
      const [queryP50 = 0] = this.#queries.take(0.5)
      const waits = { appendP50, appendP99, queryP50 }
      const sample = { at: Math.round(seconds()), entries: this.#model.size, ...usage(this.#file), ...waits }
      samples.push(sample)
      if (sample.at - last >= 5 || samples.length === 1) {
        last = sample.at
        onSample(sample, { broken: this.#broken })
      }
    }
    this.#isOver = true
    await Promise.all(loops)
    await this.#end()
    return this.#summary(samples)
  }

  #summary(samples: readonly Sample[]): SoakSummary {
    const figures = ['rssMb', 'heapMb', 'descriptors', 'walMb', 'appendP50', 'appendP99', 'queryP50'] as const
    const trends = Object.fromEntries(figures.map(figure => [figure, trend(samples, figure)]))
    const { rssMb, descriptors, walMb } = trends as Record<(typeof figures)[number], Trend>
    if (descriptors.last > descriptors.second + 8) this.#break(`descriptors grow: ${shown(descriptors)}`)
    if (rssMb.last > 1.3 * rssMb.second + 64) this.#break(`memory grows: ${shown(rssMb)} MB`)
    if (walMb.last > walMb.second + 64) this.#break(`the write-ahead log grows: ${shown(walMb)} MB`)
    return {
      seed: this.#seed,
      minutes: this.#minutes,
      broken: this.#broken,
      entries: this.#model.size,
      acknowledged: this.#model.acknowledged,
      done: Object.fromEntries(Object.entries(this.#done).sort(([a], [b]) => (a < b ? -1 : 1))),
      trends,
      last: samples.at(-1)!,
    }
  }

  // What holds

  #break(sentence: string): void {
    if (this.#broken.length < 100) this.#broken.push(sentence)
  }

  #hold(holds: boolean, sentence: () => string): void {
    if (!holds) this.#break(sentence())
  }

  #did(what: string, times = 1): void {
    this.#done[what] = (this.#done[what] ?? 0) + times
  }

  #judge(report: VerificationReport, what: string): void {
    this.#did('verifications')
    const { valid, findings, missing } = report
    this.#hold(valid, () => `${what}: ${findings[0]?.type} at ${findings[0]?.seq}: ${findings[0]?.message}`)
    const strange = missing.find(({ kind }) => kind !== 'given_up' && kind !== 'open_intent' && kind !== 'gap')
    this.#hold(strange === undefined, () => `${what}: ${strange?.message}`)
  }

  #hear(event: AuditEvent): void {
    if (event.type === 'checked' && !event.valid) {
      this.#break(`a check of scope ${event.scope} found ${event.findings[0]?.type}: ${event.findings[0]?.message}`)
    }
    if (event.type === 'checked') this.#did(`checks of scope ${event.scope}`)
    // Steps of alerts that wait for a frozen log are said, and go in later.
    if (event.type === 'fault' && !/wait: the log is frozen/.test(event.message)) {
      this.#break(`a fault in ${event.where}: ${event.message}`)
    }
  }

  // Who works, and when

  /** Does something again and again, with pauses of about `ms`, while the log is open. */
  async #loop(ms: number, work: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      await sleep(ms * (0.5 + this.#next()))
      while (this.#closing !== undefined) await this.#closing
      if (this.#isOver) return
      this.#inside++
      try {
        await work()
      } catch (error) {
        const { code, message, stack } = error as AuditError
        if (error instanceof AuditError && passing.has(code)) this.#did(`refused: ${code}`)
        else this.#break(`${message} (${code ?? stack?.split('\n')[1]?.trim()})`)
      } finally {
        this.#inside--
      }
    }
  }

  /** Does something while nobody has the log open; called from a loop. */
  async #alone(work: () => Promise<void>): Promise<void> {
    let done = () => {}
    this.#closing = new Promise(resolve => {
      done = resolve
    })
    try {
      while (this.#inside > 1) await sleep(5)
      await this.#close()
      await work()
      await this.#open()
    } finally {
      this.#closing = undefined
      done()
    }
  }

  async #open(): Promise<void> {
    const { file, keys } = { file: this.#file, keys: this.#keys }
    this.#system = await new MemMimicAuditSystem(file, {
      keys,
      closeOnExit: false,
      checkpoints: { everyEntries: 1000, everyMs: 1000 },
      onCreate: ({ sealKey }) => {
        this.#sealKey = sealKey
      },
      onNotice: sentence => this.#did(`notice: ${sentence.replaceAll(/\d+/g, 'n')}`),
    }).ready()
    this.#system.events.on(event => this.#hear(event))
    this.#reader = await openReader({ file, keys })
  }

  async #close(): Promise<void> {
    await this.#reader.close()
    await this.#system.close()
  }

  async #startHelper(i: number): Promise<void> {
    const helper = new Helper({
      file: this.#file,
      keys: this.#keys,
      name: `worker-${i}`,
      ...this.#speed,
      onLine: words => this.#said(words),
    })
    this.#helpers[i] = helper
    const open = await helper.said('open')
    this.#hold(
      open !== undefined,
      () =>
        `a worker did not open the log: ${helper.stderr
          .trim()
          .split('\n')
          .find(line => /Error/.test(line))}`,
    )
  }

  #said([word, ...rest]: readonly string[]): void {
    if (word === '+') this.#acknowledge({ seq: Number(rest[0]), entryHash: rest[1]! })
    else if (word === 'pruned') this.#did('entries pruned', Number(rest[0]))
    else if (word === '!' && !passing.has(rest[0]!)) this.#break(`a worker: ${rest.join(' ')}`)
    else if (word === '!') this.#did(`refused: ${rest[0]}`)
  }

  #acknowledge(receipt: { readonly seq: number; readonly entryHash: string }): void {
    const wrong = this.#model.acknowledge(receipt)
    if (wrong !== undefined) this.#break(wrong)
  }

  /** 0 ≤ x < 1: "mulberry32". */
  #next(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }

  #below(bound: number): number {
    return Math.floor(this.#next() * bound)
  }

  // What they do

  async #append(caller: number): Promise<void> {
    const subject = `s${this.#below(subjects)}`
    const memoryId = `m${this.#names++}`
    const text = `${memoryId} ${'of what was said '.repeat(this.#below(this.#next() < 0.02 ? 4000 : 20))}`
    const { seq, id, entryHash } = await this.#appends.of(() =>
      this.#system.log.append({
        operation: ['remember', 'recall', 'search', 'forget'][this.#below(4)]!,
        component: `caller-${caller}`,
        outcome: this.#next() < 0.05 ? 'denied' : 'success',
        actor: { type: 'user', id: subject },
        memoryId,
        userContext: { userId: subject, text },
      }),
    )
    this.#acknowledge({ seq, entryHash })
    this.#model.remember({ seq, id, entryHash, memoryId, subject, text }, this.#next())
    this.#did('appends')
  }

  async #call(): Promise<void> {
    const attributes = { 'gen_ai.tool.name': `tool-${this.#below(5)}` }
    const call = await this.#system.log.begin({ operation: 'tools/call', component: 'mcp', attributes, arguments: {} })
    this.#acknowledge(call.receipt)
    await sleep(this.#below(20))
    const end = this.#next()
    for (;;) {
      try {
        const ended = end < 0.8 ? call.succeed({ ok: true }) : end < 0.9 ? call.fail(new Error('no')) : call.deny('no')
        this.#acknowledge(await ended)
        break
      } catch (error) {
        // What has begun is to end on the record, as soon as the log takes it.
        if (!(error instanceof AuditError && passing.has(error.code))) throw error
        this.#did(`refused: ${error.code}`)
        await sleep(50)
      }
    }
    this.#did('calls')
  }

  /** Asks for an entry that was acknowledged, by its id, by what it is about, and in a page of others. */
  async #ask(): Promise<void> {
    const known = this.#model.pick(this.#next())
    if (known === undefined) return
    const { log } = this.#system
    const mustBeGone = known.seq < (this.#model.erasedBelow.get(known.subject) ?? 0)
    const found = await this.#queries.of(() => log.get(known.id))
    this.#did('questions')
    if (found === undefined) {
      const { below } = await removedFrom(this.#reader)
      this.#hold(known.seq < below, () => `entry ${known.seq} was acknowledged and is not there`)
      return
    }
    const { text } = found.userContext as { text?: string }
    const isGone = text === undefined
    this.#hold(found.entryHash === known.entryHash && found.seq === known.seq, () => `entry ${known.seq} is another`)
    this.#hold(isGone || text === known.text, () => `entry ${known.seq} says something else than was given`)
    const mayBeGone = !isGone || isIn((await removedFrom(this.#reader)).content, known.seq)
    this.#hold(mayBeGone, () => `the content of entry ${known.seq} is gone, and nobody let go of it`)
    this.#hold(isGone || !mustBeGone, () => `entry ${known.seq} was erased, and is still there`)
    if (isGone || this.#next() < 0.5) return
    const rows: number[] = []
    for await (const row of log.list({ memoryId: known.memoryId }, { limit: 5 })) rows.push(row.seq)
    // Its content may have gone since.
    this.#hold(rows.length <= 1 && (rows[0] ?? known.seq) === known.seq, () => `entry ${known.seq} is found as ${rows}`)
    if (rows.length === 0) {
      const again = (await log.get(known.id))?.userContext as { text?: string } | undefined
      this.#hold(again?.text === undefined, () => `entry ${known.seq} is not found by its memory`)
    }
    for await (const _ of log.query({ component: `caller-${this.#below(4)}`, outcome: 'denied' }, { limit: 20 }));
  }

  async #verify(): Promise<void> {
    const { log } = this.#system
    const size = this.#model.size
    const kind = this.#next()
    if (kind < 0.6) {
      const from = this.#below(size)
      this.#judge(await log.verify({ from, to: from + this.#below(2000) }), 'a range')
    } else if (kind < 0.9) {
      const known = this.#model.pick(this.#next())
      if (known === undefined) return
      const { status, details } = await this.#system.verifyEntryIntegrity(known.id)
      const isFine = status === 'valid' || known.seq < (await removedFrom(this.#reader)).below
      this.#hold(isFine, () => `entry ${known.seq} is ${status}: ${details}`)
      this.#did('entries verified')
    } else if (kind < 0.97)
      this.#judge(await log.verify({ sealKey: this.#sealKey, anchors: this.#givenUp.slice(-1) }), 'the log')
    else this.#judge(await log.verify({ deep: true }), 'the log and its index')
  }

  /** Signs, and proves the new checkpoint to continue those before it; then proves an entry as a stranger would. */
  async #prove(): Promise<void> {
    const note = await this.#system.log.checkpoint()
    if (note === undefined) return
    const { origin, verifiers } = loadPublicKeys(this.#keys)
    const { checkpoint } = openCheckpoint(note, origin, verifiers)
    const earlier = new Set(this.#remembered.slice(-newest))
    for (let i = 0; i < newest && this.#remembered.length > 0; i++) {
      earlier.add(this.#remembered[this.#below(this.#remembered.length)]!)
    }
    for (const { size, root } of earlier) {
      if (size > checkpoint.size) continue
      const tiles = await fetchTiles(this.#reader, tilesForConsistency(size, checkpoint.size))
      const proof = consistencyProof(size, checkpoint.size, tiles)
      const isOne = size === checkpoint.size && equal(root, checkpoint.root)
      const holds = isOne || checkConsistency(proof, size, checkpoint.size, root, checkpoint.root)
      this.#hold(holds, () => `the log of ${checkpoint.size} does not continue the log of ${size}`)
      this.#did('consistency proofs')
    }
    if (this.#remembered.at(-1)?.size !== checkpoint.size) this.#remembered.push(checkpoint)
    const known = this.#model.pick(this.#next())
    if (known === undefined) return
    // By its number: an id can only be found in a leaf, which may have gone.
    const proof = await this.#system.log.prove(known.seq)
    const leaf = await this.#reader.leaf(known.seq)
    if (leaf === undefined) return
    // Read again: the keys may have been replaced since.
    checkTlogProof(parseTlogProof(proof), leaf, origin, loadPublicKeys(this.#keys).verifiers)
    this.#did('inclusion proofs')
  }

  /** Every receipt of some tiles against the hashes that the log has there. */
  async #compare(): Promise<void> {
    const { size } = this.#model
    const tile = this.#below(Math.max(1, Math.ceil(size / tileWidth)))
    const width = Math.min(tileWidth, size - tile * tileWidth)
    if (width <= 0) return
    await this.#compareTile(tile, width)
  }

  async #compareTile(index: number, width: number): Promise<void> {
    const [hashes] = await this.#reader.tiles([{ level: 0, index, width }])
    const lost = this.#model.lostIn(index, hashes!)
    this.#hold(lost.length === 0, () => `entries that were acknowledged are not in the log: ${lost.slice(0, 5)}`)
    this.#did('tiles compared')
  }

  async #kill(): Promise<void> {
    const i = this.#below(workers)
    await this.#helpers[i]!.kill()
    await this.#startHelper(i)
    this.#did('kills')
  }

  // Now and then

  async #keepHouse(): Promise<void> {
    const acts = [
      () => this.#erase(),
      () => this.#erase(),
      () => this.#ask1('prune', 'pruned'),
      () => this.#ask1('prune', 'pruned'),
      () => this.#ask1('rotate', 'rotated'),
      () => this.#alert(),
      () => this.#alert(),
      () => this.#report(),
      () => this.#export(),
      () => this.#freeze(),
      () => this.#backup(),
      () => this.#restart(),
      () => this.#restore(),
    ]
    await acts[this.#below(acts.length)]!()
  }

  /** Has a worker do it, which may be killed meanwhile. */
  async #ask1(command: 'prune' | 'rotate', answer: string): Promise<void> {
    const said = await this.#helpers[this.#below(workers)]!.ask(command, answer)
    if (said?.[0] === answer) this.#did(command === 'prune' ? 'retention runs' : 'rotations')
    if (said?.[0] === 'rotated') this.#backups = []
  }

  async #erase(): Promise<void> {
    const subject = `s${this.#below(subjects)}`
    const { declaredBy, entries } = await this.#system.eraseSubject({ subject: `user:${subject}` })
    this.#did('erasures')
    this.#did('entries erased', entries)
    if (declaredBy.length === 0) return
    this.#model.erasedBelow.set(subject, declaredBy[0]!)
  }

  async #alert(): Promise<void> {
    const { detector } = this.#system
    const component = `part-${this.#below(6)}`
    for (let i = 0; i < 3; i++) {
      detector.recordEvent({ type: 'suspicious_pattern', severity: 'high', description: 'a drill', component })
    }
    await sleep(50)
    const act = { actor: { type: 'user', id: 'operator' } }
    const [open] = detector.getAlerts({ resolved: false })
    if (open === undefined) return
    await detector.acknowledgeAlert(open.id, act)
    await detector.resolveAlert(open.id, act)
    this.#did('alerts resolved')
  }

  async #report(): Promise<void> {
    const report = await this.#system.generateAuditReport({})
    this.#hold(report.integrityStatus.valid, () => 'a report says that the log is not what was recorded')
    await this.#system.getSystemStatus()
    this.#did('reports')
  }

  async #export(): Promise<void> {
    const path = join(this.#folder, `export-${this.#names++}`)
    const { size } = this.#model
    const from = Math.max((await removedFrom(this.#reader)).below, this.#below(size))
    const where = [{ field: 'seq', op: 'between', value: [from, from + 300] }] as const
    await this.#system.exportAuditData(path, 'bundle', { where })
    const { generations } = loadPublicKeys(this.#keys)
    const vkeys = generations.flatMap(({ ed25519, mldsa44 }) => [ed25519, mldsa44])
    this.#judge(await verifyBundle([readFileSync(path)], { vkeys }), 'a bundle')
    rmSync(path)
    this.#did('exports')
  }

  async #freeze(): Promise<void> {
    const { logger } = this.#system
    await logger.logControl({ operation: 'log.frozen' })
    await sleep(200)
    await logger.logControl({ operation: 'log.unfrozen' })
    this.#did('freezes')
  }

  async #backup(): Promise<void> {
    const { file, size, rootHash, signed } = await this.#system.backup(join(this.#folder, `backup-${this.#names++}.db`))
    this.#hold(signed <= size, () => `a backup of ${size} entries is signed for ${signed}`)
    this.#backups.push({ file, size, root: rootHash })
    for (const old of this.#backups.splice(0, Math.max(0, this.#backups.length - 3))) rmSync(old.file)
    this.#did('backups')
  }

  async #restart(): Promise<void> {
    await this.#alone(async () => {})
    this.#did('restarts')
  }

  /** Puts a backup back, on record, and goes on from there. */
  async #restore(): Promise<void> {
    const [backup] = this.#backups
    if (backup === undefined) return await this.#backup()
    await this.#alone(async () => {
      await Promise.all(this.#helpers.map(helper => helper.end()))
      const anchor = readFileSync(join(this.#keys, 'anchor'), 'utf8')
      const options = { file: this.#file, keys: this.#keys, backup: backup.file, reason: 'a drill' }
      try {
        const { size, present, keptAside } = await restoreLog(options, fastWorld(this.#speed))
        this.#hold(present === 'whole' && size === backup.size, () => `a restore found the log ${present}`)
        this.#givenUp.push(anchor)
        this.#model.giveUp(size)
        this.#restored = Math.max(this.#restored, size)
        this.#remembered = this.#remembered.filter(checkpoint => checkpoint.size <= size)
        if (keptAside !== undefined) rmSync(keptAside)
        this.#did('restores')
      } catch (error) {
        // A rotation that a kill has kept from saying so.
        if (!(error instanceof AuditError && /keys were replaced/.test(error.message))) throw error
        this.#did('restores refused')
      }
      for (const { file } of this.#backups.splice(0)) rmSync(file)
      for (let i = 0; i < workers; i++) await this.#startHelper(i)
    })
  }

  /** Everybody goes home; then the whole log is checked, and every receipt. */
  async #end(): Promise<void> {
    await Promise.all(this.#helpers.map(helper => helper.end()))
    await this.#close()
    await this.#open()
    await this.#system.log.closeOrphans()
    const anchors = this.#givenUp.slice(-1)
    const report = await this.#system.log.verify({ deep: true, sealKey: this.#sealKey, anchors })
    this.#judge(report, 'the log in the end')
    // What a restore left open, its end given up.
    const open = report.missing.find(({ kind, seq }) => kind === 'open_intent' && seq >= this.#restored)
    this.#hold(open === undefined, () => `in the end: ${open?.message}`)
    this.#hold(report.size >= this.#model.size, () => `${this.#model.size} were acknowledged, ${report.size} are there`)
    for (let tile = 0; tile * tileWidth < this.#model.size; tile++) {
      await this.#compareTile(tile, Math.min(tileWidth, this.#model.size - tile * tileWidth))
    }
    await this.#close()
  }
}

function shown({ second, last }: Trend): string {
  return `from ${second} to ${last}`
}
