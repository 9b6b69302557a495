/**
 * A fair sample of what a plan finds, stretch by stretch: so many rows that counts and shares can be told from them, or
 * all rows where there are not more.
 *
 * How many candidates there are is always exact: they are walked by number, which costs a fraction of a microsecond
 * each. Which of them are looked at is drawn by a hash of the number, so that nothing that comes in turns, such as intents
 * and outcomes, can be in step with it; the same question gets the same answer.
 */
import type { Plan } from './find.ts'
import type { Row, Statements } from './schema.ts'

/** What was found in one stretch. */
export interface Stretch {
  /** Entries that the lists of the plan name. */
  readonly candidates: number
  /** How many of them were looked at: all, or a sample. */
  readonly looked: number
  /** Those that the plan accepts, in order. */
  readonly rows: readonly Row[]
}

export interface SurveyEffort {
  /** Where there are not more rows than this, all are looked at. */
  readonly all: number
  /** Where there are, a sample of so many, or up to twice as many. */
  readonly enough: number
}

/** @param edges where stretches begin, ascending, and where the last one ends: numbers of entries */
export function survey(sql: Statements, plan: Plan, edges: readonly number[], effort: SurveyEffort): Stretch[] {
  const drawn = plan.numbers === undefined ? drawFromRange(plan, edges, effort) : drawFromLists(plan, edges, effort)
  const areAll = drawn.reduce((sum, { candidates }) => sum + candidates, 0) <= effort.all
  const share = Math.max(leastEach, Math.ceil((2 * effort.enough) / drawn.length))
  if (!areAll) for (const draw of drawn) draw.thinTo(share)
  const stretches = plan.numbers === undefined ? fromRange(sql, drawn) : drawn.map(draw => fromLists(sql, draw))
  const { accepts } = plan
  return accepts === undefined ? stretches : stretches.map(found => ({ ...found, rows: found.rows.filter(accepts) }))
}

/** Rows to look at in one stretch, however many stretches there are. */
const leastEach = 200

function drawFromRange({ low, high }: Plan, edges: readonly number[], effort: SurveyEffort): Drawn[] {
  return edges.slice(1).map((end, i) => {
    const draw = new Drawn(Math.max(effort.all, 2 * effort.enough))
    for (let seq = Math.max(edges[i]!, low); seq < end && seq <= high; seq++) draw.take(seq)
    return draw
  })
}

function drawFromLists({ low, high, numbers }: Plan, edges: readonly number[], effort: SurveyEffort): Drawn[] {
  let at = numbers!.seek(Math.max(low, edges[0]!))
  return edges.slice(1).map(edge => {
    const draw = new Drawn(Math.max(effort.all, 2 * effort.enough))
    for (; at !== undefined && at < edge && at <= high; at = numbers!.seek(at + 1)) draw.take(at)
    return draw
  })
}

/** Without lists, every entry that can be read is a candidate. */
function fromRange(sql: Statements, drawn: readonly Drawn[]): Stretch[] {
  return drawn.map(draw => {
    const { seqs, first, last } = draw
    const rows = draw.areAll ? (sql.rowsUp.all(first, last, -1) as Row[]) : rowsAt(sql, seqs)
    const readable = rows.filter(row => row[2] !== 0)
    const looked = readable.length
    const candidates = draw.areAll ? looked : (sql.countRows.get(first, last, 0xff, 0xff, 0xff) as number)
    return { candidates, looked, rows: readable }
  })
}

function fromLists(sql: Statements, { candidates, seqs }: Drawn): Stretch {
  return { candidates, looked: seqs.length, rows: rowsAt(sql, seqs) }
}

function rowsAt(sql: Statements, seqs: readonly number[]): Row[] {
  return seqs.flatMap(seq => {
    const row = sql.row.get(seq) as Row | undefined
    return row === undefined ? [] : [row]
  })
}

/** Numbers of which all are kept, or a sample, each with the same chance. */
class Drawn {
  readonly #most: number
  #limit = 2 ** 32
  candidates = 0
  seqs: number[] = []
  first = 0
  last = -1

  constructor(most: number) {
    this.#most = most
  }

  get areAll(): boolean {
    return this.#limit === 2 ** 32
  }

  /** Ascending. */
  take(seq: number): void {
    if (this.candidates++ === 0) this.first = seq
    this.last = seq
    if (scattered(seq) >= this.#limit) return
    this.seqs.push(seq)
    this.thinTo(this.#most)
  }

  thinTo(most: number): void {
    while (this.seqs.length > most) {
      this.#limit /= 2
      this.seqs = this.seqs.filter(seq => scattered(seq) < this.#limit)
    }
  }
}

/** A number scattered over 32 bits. */
function scattered(seq: number): number {
  let h = (seq ^ Math.floor(seq / 2 ** 32)) >>> 0
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
