/**
 * The attack kit: every move of the table of threats, played on a copy of a log, and what came of it.
 *
 * Without a log it plays on one of its own, in a few seconds: `runAttackKit()` in any process that loads these sources is a
 * check of these sources. What `escaped` counts is then what they let through.
 */
import type { VerificationReport } from '../core/finding.ts'
import { Escape, foundIn, type Label, type LogMove, labels, type Move, type Trial } from './move.ts'
import { moves as table } from './moves/table.ts'
import { Scene, type SceneOptions } from './scene.ts'
import { randomWalks, type WalkReport } from './walk.ts'

/** A move and what came of it. */
export interface Played {
  /** Of the table of threats. */
  readonly row: string
  readonly move: string
  /** Whether it was answered as it should be. */
  readonly caught: boolean
  /** What answered: a finding, or how the move was refused or declared; `null` where nothing did. */
  readonly finding: string | null
  /** How little is needed to notice: only the file, the log's keys, or a remembered checkpoint. */
  readonly trust: Label | null
  /** The first entry that can no longer be trusted. */
  readonly seq: number | null
  /** Why it was not caught: that nothing can, or what is wrong with the log or with this software. */
  readonly why: string | null
  /** Whether nothing on this machine can catch it. */
  readonly argued: boolean
  /** Where it was played: on a copy of the log, or on a log of samples, because the log is too long or too short for it. */
  readonly on: 'copy' | 'samples'
}

export interface AttackReport {
  readonly moves: readonly Played[]
  readonly caught: number
  /** Moves that should have been caught, and were not. */
  readonly escaped: number
  /** Moves that nothing on this machine can catch. */
  readonly argued: number
  /** Where something was found that is not there: in the copy before anything was done, or beside a move. */
  readonly falseAlarms: number
  /** What those were, in sentences. */
  readonly alarms: readonly string[]
  /** The random walks, where some were asked for. What escaped on them counts as escaped. */
  readonly walked?: WalkReport & { readonly seed: number }
  /** What was played on. */
  readonly played: {
    /** Entries in the copy that are the log's own; 0 where there was no log. */
    readonly entries: number
    /** Samples that were added on the copy. */
    readonly added: number
    /** The first entry that was played on and checked. */
    readonly from: number
  }
}

export interface AttackOptions {
  /** The log; one of samples is made where there is none. */
  readonly log?: SceneOptions
  /** All of them, unless given. */
  readonly moves?: readonly Move[]
  /** How many random walks, and the seed of the first. */
  readonly walk?: { readonly walks: number; readonly seed: number }
  /** Told before each move and each walk. */
  readonly onStep?: (done: number, all: number) => void
  readonly signal?: AbortSignal
}

/**
 * Plays every move on a copy of a log.
 *
 * @throws AuditError `damaged` when the log is not sound to begin with; `not_found`, `bad_key`, `bad_format`, `busy`, `io`
 * when it cannot be read
 * @example const { escaped, falseAlarms } = await runAttackKit({ log: { file, keys } })
 */
export async function runAttackKit(options: AttackOptions = {}): Promise<AttackReport> {
  const { log, moves = table, walk, signal } = options
  const onStep = (done: number) => {
    signal?.throwIfAborted()
    options.onStep?.(done, moves.length + (walk?.walks ?? 0))
  }
  const copy = log === undefined ? undefined : await Scene.of(log)
  let samples: Scene | undefined
  try {
    const standIn = async () => (samples ??= await Scene.ofSamples())
    const alarms: string[] = []
    const played: Played[] = []
    if (copy !== undefined) alarms.push(...(await alarmsOn(copy)))
    for (const [i, move] of moves.entries()) {
      onStep(i)
      const scene = copy !== undefined && fits(move, copy) ? copy : await standIn()
      const came = 'play' in move ? await playOnRows(move, scene) : await runTrial(move, scene)
      alarms.push(...came.alarms)
      played.push({ ...came.played, on: scene === copy ? 'copy' : 'samples' })
    }
    const scene = copy ?? (await standIn())
    const walker = scene.from === 0 ? scene : await standIn()
    const onWalk = (done: number) => onStep(moves.length + done)
    const walked = walk && { seed: walk.seed, ...(await randomWalks(walker, { ...walk, onWalk })) }
    if (samples !== undefined) alarms.push(...(await alarmsOn(samples)))
    return {
      moves: played,
      caught: played.filter(({ caught }) => caught).length,
      escaped: played.filter(({ caught, argued }) => !caught && !argued).length + (walked?.escaped.length ?? 0),
      argued: played.filter(({ argued }) => argued).length,
      falseAlarms: alarms.length,
      alarms,
      ...(walked && { walked }),
      played: { entries: copy?.own ?? 0, added: scene.size - (copy?.own ?? 0), from: scene.from },
    }
  } finally {
    await copy?.close()
    await samples?.close()
  }
}

/** Whether a move can be played here. */
function fits(move: Move, { from, block }: Scene): boolean {
  if (!('play' in move)) return move.on !== 'samples' && from === 0
  return !(move.whole && from > 0) && !(move.tiles && block === undefined)
}

/** What is found where nothing was done. */
async function alarmsOn(scene: Scene): Promise<string[]> {
  const alarms: string[] = []
  for (const label of labels) {
    for (const { message } of (await scene.verify(label)).findings) alarms.push(`untouched (${label}): ${message}`)
  }
  return alarms
}

interface CameOf {
  readonly played: Omit<Played, 'on'>
  readonly alarms: readonly string[]
}

/** Plays on the rows, and asks with more and more at hand until what was promised is found. */
async function playOnRows(move: LogMove, scene: Scene): Promise<CameOf> {
  let anchor: string | undefined
  const play = (file: Parameters<LogMove['play']>[0]) => {
    move.play(file, scene)
    anchor = move.anchor?.(file, scene)
  }
  return await scene.during(play, async log => {
    const { row, move: name, found, from, why = null } = move
    const alarms: string[] = []
    const seen: string[] = []
    for (const label of labels) {
      const remembered = anchor !== undefined && label === 'anchored' ? { anchors: [anchor] } : {}
      let report: VerificationReport
      try {
        report = await scene.verify(label, log, remembered)
      } catch (error) {
        seen.push(`${label}: ${(error as Error).message}`)
        continue
      }
      seen.push(`${label}: ${foundIn(report)}`)
      for (const { type, message } of report.findings) {
        if (move.not?.includes(type)) alarms.push(`row ${row}, ${name} (${label}): ${type}: ${message}`)
      }
      const finding = report.findings.find(({ type }) => found.includes(type))
      if (finding === undefined) continue
      const problem = placeProblem(move, scene, report)
      const isInTime = labels.indexOf(label) <= labels.indexOf(from)
      const seq = report.firstUntrusted ?? null
      const played = { row, move: name, finding: finding.type, trust: label, seq, argued: false }
      if (isInTime && problem === undefined) return { played: { ...played, caught: true, why: null }, alarms }
      const reason = problem ?? `it should be found from the label ${from} on`
      return { played: { ...played, caught: false, why: reason }, alarms }
    }
    const played = { row, move: name, caught: false, finding: null, trust: null, seq: null }
    if (found.length === 0) return { played: { ...played, why, argued: true }, alarms }
    return {
      played: { ...played, why: `${found.join(' or ')} was not found (${seen.join('; ')})`, argued: false },
      alarms,
    }
  })
}

function placeProblem({ first }: LogMove, scene: Scene, { firstUntrusted }: VerificationReport): string | undefined {
  const expected = first?.(scene)
  if (expected === undefined || expected === firstUntrusted) return undefined
  return `the first bad entry is ${expected}, and ${firstUntrusted ?? 'none'} was named`
}

async function runTrial({ row, move, promise, run }: Trial, scene: Scene): Promise<CameOf> {
  const played = { row, move, argued: false }
  try {
    const { by, trust = null, seq = null } = await run(scene)
    return { played: { ...played, caught: true, finding: by, trust, seq, why: null }, alarms: [] }
  } catch (error) {
    const { message } = error as Error
    const isFalseAlarm = error instanceof Escape && error.falseAlarm
    const why = `${message} (promised: ${promise})`
    const alarms = isFalseAlarm ? [`row ${row}, ${move}: ${message}`] : []
    return { played: { ...played, caught: false, finding: null, trust: null, seq: null, why }, alarms }
  }
}
