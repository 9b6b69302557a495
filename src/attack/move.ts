/** What a move is: what an attacker does, and what has to come of it. */
import type { FindingType, VerificationReport } from '../core/finding.ts'
import type { Scene } from './scene.ts'
import type { Tamper } from './tamper.ts'

/** What a check has at hand: the file; the log's keys, known from elsewhere, and a seal key; a remembered checkpoint too. */
export const labels = ['chained', 'signed', 'anchored'] as const
export type Label = (typeof labels)[number]

interface Named {
  /** Of the table of threats. */
  readonly row: string
  /** What is done, in a few words. */
  readonly move: string
}

/** A move on the rows of the log. */
export interface LogMove extends Named {
  /** One of these must be found; none where no check on this machine can tell. */
  readonly found: readonly FindingType[]
  /** From this label on. */
  readonly from: Label
  /** The first entry that can no longer be trusted. */
  readonly first?: (scene: Scene) => number
  /** Findings that would be a false alarm. */
  readonly not?: readonly FindingType[]
  /** It is found by a check of the whole log only: from its first entry on. */
  readonly whole?: true
  /** It needs full tiles and blocks. */
  readonly tiles?: true
  /** Why nothing is found, where nothing can be. */
  readonly why?: string
  /** What the anchor says, where it is not what it said before. */
  readonly anchor?: (file: Tamper, scene: Scene) => string
  play(file: Tamper, scene: Scene): void
}

/** What came of something else than a change of rows. */
export interface Came {
  /** What answered: a finding, or how it was refused or declared. */
  readonly by: string
  readonly trust?: Label
  readonly seq?: number
}

/** A move on files, texts or processes, which is judged by itself: what came of it, or what went wrong with it. */
export interface Trial extends Named {
  /** What is to come of it, in a word or two. */
  readonly promise: string
  /** On a copy of the log itself where that can be; else always on a log of samples. */
  readonly on?: 'samples'
  /** @throws {@link Escape} when it is not answered as it should be */
  run(scene: Scene): Promise<Came> | Came
}

export type Move = LogMove | Trial

/** A move that was not answered as it should be. */
export class Escape extends Error {
  readonly falseAlarm: boolean

  constructor(message: string, { falseAlarm = false } = {}) {
    super(message)
    this.name = 'Escape'
    this.falseAlarm = falseAlarm
  }
}

/** What a check found, in a few words. */
export function foundIn({ findings }: VerificationReport): string {
  const types = [...new Set(findings.map(({ type }) => type))]
  return types.length === 0 ? 'nothing' : types.join(', ')
}
