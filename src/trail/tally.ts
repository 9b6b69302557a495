/**
 * Counts what happened in a stretch of entries, one after the other, in memory that does not grow with their number:
 * tables name so many values at most, and what they leave out is counted.
 */
import { fromUtf8, utf8 } from '../core/bytes.ts'
import {
  type Actor,
  type Kind,
  kinds,
  type Leaf,
  type Outcome,
  outcomes,
  type SecurityLevel,
  securityLevels,
} from '../core/entry.ts'
import { countIn, parseRanges } from '../core/ranges.ts'
import { saltLength } from '../core/sealed.ts'
import { formatTime, type Micros } from '../core/time.ts'
import { identitiesOf, readJson } from '../core/view.ts'
import { Sketch, type SketchState, type Statistics } from './sketch.ts'

/** Different values that are counted each for itself; fewer where quantiles are kept of each, 8 KB. */
const maxValues = 10_000
const maxMeasured = 1000
/** A longer name is counted among the others. */
const maxNameLength = 256
/** Acts of one kind that are kept, the newest; of alerts more, because their state follows from them. */
const maxActs = 200
const maxAlertActs = 10_000
/** What is more of the attributes of an act, and of a long one, stands in the entry. */
const maxAttributes = 50
const maxAttributeLength = 500
/** Different control operations that are told apart: the format knows fewer. */
const maxControlOperations = 100
/** Ends of actions whose beginning was not in the stretch. */
const maxForeignEnds = 100_000
/** About how many buckets a timeline has at most. */
const maxBuckets = 100

/** How many ended how. `none` has no outcome, such as an announcement. */
export type OutcomeCounts = Readonly<Record<Outcome | 'none', number>>

export interface NamedCount {
  readonly name: string
  readonly entries: number
}

export interface ActionCount extends NamedCount {
  readonly outcomes: OutcomeCounts
}

export interface OperationCount extends ActionCount {
  /** Of `performanceMetrics.durationMs`, milliseconds, where the entries have it. */
  readonly duration?: Statistics
}

export interface ActorCount extends ActionCount {
  readonly actor: { readonly type: string; readonly id: string }
}

export interface MetricStatistics extends NamedCount {
  readonly statistics: Statistics
}

/** The values with the most entries, and what is left of the others. */
export interface Top<T> {
  readonly rows: readonly T[]
  readonly others: {
    readonly entries: number
    /** How many other values there are: at least so many, when there were too many to tell apart. */
    readonly values: number
    readonly isAtLeast: boolean
  }
}

export interface TimelineBucket {
  /** RFC 3339 UTC; it ends where the next one begins. */
  readonly start: string
  readonly entries: number
  readonly outcomes: OutcomeCounts
}

/** An entry by which this software says something about the log itself. */
export interface ControlAct {
  readonly seq: number
  readonly id: string
  readonly time: string
  readonly operation: string
  readonly outcome?: Outcome
  readonly actor?: Actor
  readonly attributes: { readonly [name: string]: string | number | boolean }
}

/** An action that was announced and has not ended in the stretch. */
export interface OpenIntent {
  readonly seq: number
  readonly id: string
  readonly time: string
  readonly operation: string
  readonly component: string
}

export interface Counts {
  /** Entries that could be read. */
  readonly entries: number
  readonly kinds: Readonly<Record<Kind, number>>
  /** Without entries of kind `control`: what was done, rather than what this software says of the log. */
  readonly actions: {
    readonly entries: number
    readonly outcomes: OutcomeCounts
    readonly operations: Top<OperationCount>
    readonly components: Top<ActionCount>
    /** By the attribute `gen_ai.tool.name`. */
    readonly tools: Top<ActionCount>
    readonly actors: Top<ActorCount>
    /** On whose behalf. */
    readonly principals: Top<ActorCount>
    /** Entries that name nobody, and those whose actor is gone. */
    readonly withoutActor: number
    readonly actorsGone: number
    readonly timeline: { readonly widthMs: number; readonly buckets: readonly TimelineBucket[] }
    /** Each name in `performanceMetrics`. */
    readonly metrics: Top<MetricStatistics>
  }
  readonly securityLevels: Readonly<Record<SecurityLevel, number>>
  readonly complianceFlags: Top<NamedCount>
  readonly governance: Top<NamedCount>
  readonly control: {
    readonly operations: Readonly<Record<string, number>>
    /** The newest of each operation, oldest first. */
    readonly acts: readonly ControlAct[]
    readonly actsOmitted: number
    /** Who looked: the actors of `access.*`. */
    readonly readers: Top<ActorCount>
    /** Entries that `retention.pruned` and `subject.erased` name. */
    readonly prunedEntries: number
    readonly erasedEntries: number
    readonly lostEntries: number
  }
  /** Sealed values that the entries commit to, and how many of them cannot be opened any more. */
  readonly sealedValues: number
  readonly sealedValuesGone: number
  readonly openIntents: readonly OpenIntent[]
}

/** What is counted of one value. */
interface Cell {
  entries: number
  readonly outcomes: number[]
  sketch: Sketch | undefined
}

interface TableState {
  readonly cells: ReadonlyMap<string, { entries: number; outcomes: number[]; sketch: SketchState | undefined }>
  readonly others: number
}

/** A tally as plain data, to cross a thread's border. */
export interface TallyState {
  readonly tables: Readonly<Record<TableName, TableState>>
  readonly kinds: readonly number[]
  readonly outcomes: readonly number[]
  readonly levels: readonly number[]
  readonly timeline: readonly (readonly number[])[]
  readonly acts: ReadonlyMap<string, { count: number; newest: ControlAct[] }>
  readonly numbers: Readonly<Record<NumberName, number>>
  readonly open: ReadonlyMap<string, OpenIntent>
  readonly foreignEnds: readonly string[]
}

/** How many values each table tells apart. */
const tableSizes = {
  operations: maxMeasured,
  metrics: maxMeasured,
  components: maxValues,
  tools: maxValues,
  actors: maxValues,
  principals: maxValues,
  flags: maxValues,
  governance: maxValues,
  readers: maxValues,
}
type TableName = keyof typeof tableSizes
const tableNames = Object.keys(tableSizes) as TableName[]

const numberNames = [
  'entries',
  'actions',
  'withoutActor',
  'actorsGone',
  'sealedValues',
  'sealedValuesGone',
  'prunedEntries',
  'erasedEntries',
  'lostEntries',
] as const
type NumberName = (typeof numberNames)[number]

const noOutcome = outcomes.length

/** The times of the first and of the last entry. */
export interface Span {
  readonly first: Micros
  readonly last: Micros
}

export class Tally {
  readonly #width: Micros
  /** The first bucket, and the last one. */
  readonly #begin: number
  readonly #end: number
  readonly #timeline: number[][]
  readonly #tables = Object.fromEntries(tableNames.map(name => [name, new Table(tableSizes[name])])) as Record<
    TableName,
    Table
  >
  readonly #numbers = Object.fromEntries(numberNames.map(name => [name, 0])) as Record<NumberName, number>
  readonly #kinds = kinds.map(() => 0)
  readonly #outcomes = noOutcomes()
  readonly #levels = securityLevels.map(() => 0)
  readonly #acts = new Map<string, { count: number; newest: ControlAct[] }>()
  readonly #open = new Map<string, OpenIntent>()
  readonly #foreignEnds: string[] = []

  constructor({ first, last }: Span) {
    this.#width = bucketWidth(first, last)
    this.#begin = this.#bucketOf(first)
    this.#end = Math.max(this.#begin, this.#bucketOf(last))
    this.#timeline = Array.from({ length: this.#end - this.#begin + 1 }, noOutcomes)
  }

  /** Whether an action ended here that began elsewhere, more often than can be remembered. */
  get hasLostEnds(): boolean {
    return this.#foreignEnds.length >= maxForeignEnds
  }

  /**
   * @param time of the entry
   * @param content what is kept of its sealed values
   */
  add(leaf: Leaf, time: Micros, content: Uint8Array): void {
    const numbers = this.#numbers
    const tables = this.#tables
    numbers.entries++
    this.#kinds[kinds.indexOf(leaf.kind)]!++
    this.#levels[securityLevels.indexOf(leaf.securityLevel)]!++
    for (const flag of leaf.complianceFlags) tables.flags.add(flag)
    if (leaf.governanceStatus !== undefined) tables.governance.add(leaf.governanceStatus)
    const who = this.#sealed(leaf, content)
    this.#intent(leaf)
    if (leaf.kind === 'control') this.#act(leaf, who)
    else this.#action(leaf, time, who)
  }

  #action(leaf: Leaf, time: Micros, who: readonly string[] | undefined): void {
    const tables = this.#tables
    const outcome = leaf.outcome === undefined ? noOutcome : outcomes.indexOf(leaf.outcome)
    const { performanceMetrics } = leaf
    this.#numbers.actions++
    this.#outcomes[outcome]!++
    tables.operations.add(leaf.operation, outcome, performanceMetrics?.durationMs)
    tables.components.add(leaf.component, outcome)
    const tool = leaf.attributes?.['gen_ai.tool.name']
    if (typeof tool === 'string') tables.tools.add(tool, outcome)
    for (const name in performanceMetrics) tables.metrics.add(name, outcome, performanceMetrics[name])
    if (who?.[0] !== undefined) tables.actors.add(who[0], outcome)
    else if (leaf.sealed?.actor === undefined) this.#numbers.withoutActor++
    else this.#numbers.actorsGone++
    if (who?.[1] !== undefined) tables.principals.add(who[1], outcome)
    // The time of an entry that was changed may be any: it counts at the nearer end.
    const bucket = Math.min(Math.max(this.#bucketOf(time), this.#begin), this.#end)
    this.#timeline[bucket - this.#begin]![outcome]!++
  }

  #bucketOf(time: Micros): number {
    return Math.floor((time - monday) / this.#width)
  }

  #act(leaf: Leaf, who: readonly string[] | undefined): void {
    const { seq, id, time, operation, outcome } = leaf
    const attributes = leaf.attributes ?? {}
    if (operation === 'retention.pruned') this.#numbers.prunedEntries += namedEntries(attributes.entries)
    if (operation === 'subject.erased') this.#numbers.erasedEntries += namedEntries(attributes.entries)
    if (operation === 'gap.recorded' && typeof attributes.entries === 'number') {
      this.#numbers.lostEntries += attributes.entries
    }
    if (operation.startsWith('access.') && who?.[0] !== undefined) {
      this.#tables.readers.add(who[0], outcome === undefined ? noOutcome : outcomes.indexOf(outcome))
    }
    const acts = this.#actsOf(operation)
    acts.count++
    acts.newest.push({
      seq,
      id,
      time,
      operation,
      ...(outcome === undefined ? {} : { outcome }),
      ...(who?.[0] === undefined ? {} : { actor: actorOf(who) }),
      attributes: short(attributes),
    })
    forgetOldest(operation, acts.newest)
  }

  /** Control operations are a closed list; who forges entries need not keep to it. */
  #actsOf(operation: string): { count: number; newest: ControlAct[] } {
    const isKnown = this.#acts.has(operation) || this.#acts.size < maxControlOperations
    const name = isKnown ? operation : 'others'
    const acts = this.#acts.get(name) ?? { count: 0, newest: [] }
    this.#acts.set(name, acts)
    return acts
  }

  #intent({ kind, intent, id, seq, time, operation, component }: Leaf): void {
    if (kind === 'intent') this.#open.set(id, { seq, id, time, operation, component })
    else if (intent !== undefined && !this.#open.delete(intent) && !this.hasLostEnds) this.#foreignEnds.push(intent)
  }

  /** Counts what can still be opened of an entry, and gives its actor and principal. */
  #sealed({ sealed }: Leaf, content: Uint8Array): readonly string[] | undefined {
    if (sealed === undefined) return undefined
    let committed = 0
    for (const _ in sealed) committed++
    let there = 0
    let who: readonly string[] | undefined
    for (let at = 0; at + 4 <= content.length; there++) {
      const start = at + 4
      at = start + content[at]! * 0x1000000 + ((content[at + 1]! << 16) | (content[at + 2]! << 8) | content[at + 3]!)
      if (who === undefined && isActor(content, start)) who = identities(content.subarray(start + actorAt, at))
    }
    this.#numbers.sealedValues += committed
    this.#numbers.sealedValuesGone += Math.max(0, committed - there)
    return sealed.actor === undefined ? undefined : who
  }

  state(): TallyState {
    return {
      tables: Object.fromEntries(tableNames.map(name => [name, this.#tables[name].state()])) as TallyState['tables'],
      kinds: this.#kinds,
      outcomes: this.#outcomes,
      levels: this.#levels,
      timeline: this.#timeline,
      acts: this.#acts,
      numbers: this.#numbers,
      open: this.#open,
      foreignEnds: this.#foreignEnds,
    }
  }

  /** Adds the tally of the stretch that follows. */
  absorb(next: TallyState): void {
    for (const name of tableNames) this.#tables[name].absorb(next.tables[name])
    for (const name of numberNames) this.#numbers[name] += next.numbers[name]
    addTo(this.#kinds, next.kinds)
    addTo(this.#outcomes, next.outcomes)
    addTo(this.#levels, next.levels)
    this.#timeline.forEach((counts, i) => {
      addTo(counts, next.timeline[i]!)
    })
    for (const [operation, { count, newest }] of next.acts) {
      const acts = this.#actsOf(operation)
      acts.count += count
      acts.newest.push(...newest)
      forgetOldest(operation, acts.newest)
    }
    for (const id of next.foreignEnds) this.#open.delete(id)
    for (const [id, intent] of next.open) this.#open.set(id, intent)
  }

  /** @param top values that each table names */
  counts(top: number): Counts {
    const { actions, entries, ...numbers } = this.#numbers
    const tables = this.#tables
    const actionsOf = (table: Table) => table.top(top, (name, cell) => ({ name, ...cellOf(cell) }))
    const actorsOf = (table: Table) =>
      table.top(top, (text, cell) => {
        const [type, id] = JSON.parse(text) as [string, string]
        return { name: `${type}:${id}`, actor: { type, id }, ...cellOf(cell) }
      })
    const namesOf = (table: Table) => table.top(top, (name, { entries }) => ({ name, entries }))
    const acts = [...this.#acts]
    const kept = acts.flatMap(([operation, { newest }]) => newest.slice(-mostActs(operation)))
    const allActs = acts.reduce((sum, [, { count }]) => sum + count, 0)
    return {
      entries,
      kinds: named(kinds, this.#kinds),
      actions: {
        entries: actions,
        outcomes: outcomesOf(this.#outcomes),
        operations: actionsOf(tables.operations),
        components: actionsOf(tables.components),
        tools: actionsOf(tables.tools),
        actors: actorsOf(tables.actors),
        principals: actorsOf(tables.principals),
        withoutActor: numbers.withoutActor,
        actorsGone: numbers.actorsGone,
        timeline: {
          widthMs: this.#width / 1000,
          buckets: this.#timeline.map((counts, i) => ({
            start: formatTime((this.#begin + i) * this.#width + monday),
            entries: counts.reduce((sum, count) => sum + count, 0),
            outcomes: outcomesOf(counts),
          })),
        },
        metrics: tables.metrics.top(top, (name, { entries, sketch }) => ({
          name,
          entries,
          statistics: sketch!.statistics()!,
        })),
      },
      securityLevels: named(securityLevels, this.#levels),
      complianceFlags: namesOf(tables.flags),
      governance: namesOf(tables.governance),
      control: {
        operations: Object.fromEntries(acts.map(([operation, { count }]) => [operation, count] as const).sort()),
        acts: kept.sort((a, b) => a.seq - b.seq),
        actsOmitted: allActs - kept.length,
        readers: actorsOf(tables.readers),
        prunedEntries: numbers.prunedEntries,
        erasedEntries: numbers.erasedEntries,
        lostEntries: numbers.lostEntries,
      },
      sealedValues: numbers.sealedValues,
      sealedValuesGone: numbers.sealedValuesGone,
      openIntents: [...this.#open.values()].sort((a, b) => a.seq - b.seq),
    }
  }
}

/** Values and their counts, up to so many values. */
class Table {
  readonly #size: number
  readonly #cells = new Map<string, Cell>()
  /** Of these, nobody remembers which are the same. */
  #others = 0

  constructor(size: number) {
    this.#size = size
  }

  add(name: string, outcome: number = noOutcome, value?: number): void {
    const cell = this.#cell(name)
    if (cell === undefined) {
      this.#others++
      return
    }
    cell.entries++
    cell.outcomes[outcome]!++
    if (value === undefined) return
    cell.sketch ??= new Sketch()
    cell.sketch.add(value)
  }

  #cell(name: string): Cell | undefined {
    const known = this.#cells.get(name)
    if (known !== undefined) return known
    if (this.#cells.size >= this.#size || name.length > maxNameLength) return undefined
    const cell = { entries: 0, outcomes: noOutcomes(), sketch: undefined }
    this.#cells.set(name, cell)
    return cell
  }

  state(): TableState {
    const cells = [...this.#cells].map(([name, cell]) => [name, { ...cell, sketch: cell.sketch?.state() }] as const)
    return { cells: new Map(cells), others: this.#others }
  }

  absorb({ cells, others }: TableState): void {
    this.#others += others
    for (const [name, { entries, outcomes, sketch }] of cells) {
      const cell = this.#cell(name)
      if (cell === undefined) {
        this.#others += entries
        continue
      }
      cell.entries += entries
      addTo(cell.outcomes, outcomes)
      if (sketch === undefined) continue
      cell.sketch ??= new Sketch()
      cell.sketch.absorb(sketch)
    }
  }

  /** The values with the most entries; of as many, the first by name. */
  top<T>(limit: number, rowOf: (name: string, cell: Cell) => T): Top<T> {
    const sorted = [...this.#cells].sort(([a, x], [b, y]) => y.entries - x.entries || (a < b ? -1 : 1))
    const rest = sorted.slice(limit)
    return {
      rows: sorted.slice(0, limit).map(([name, cell]) => rowOf(name, cell)),
      others: {
        entries: rest.reduce((sum, [, { entries }]) => sum + entries, this.#others),
        values: rest.length + (this.#others > 0 ? 1 : 0),
        isAtLeast: this.#others > 0,
      },
    }
  }
}

/** Monday, 1970-01-05: a bucket of a week begins on a Monday. */
const monday = 4 * 86_400_000_000
const minute = 60_000_000
const widths = [1, 5, 15, 60, 180, 720, 1440, 7 * 1440].map(minutes => minutes * minute)

/** How long the buckets of a timeline are. */
function bucketWidth(first: Micros, last: Micros): Micros {
  const needed = (last - first) / maxBuckets
  let width = widths.find(some => some >= needed) ?? widths.at(-1)!
  while (width < needed) width *= 2
  return width
}

function noOutcomes(): number[] {
  return [0, 0, 0, 0, 0, 0]
}

function addTo(sums: number[], values: readonly number[]): void {
  for (let i = 0; i < sums.length; i++) sums[i]! += values[i]!
}

function named<K extends string>(names: readonly K[], values: readonly number[]): Record<K, number> {
  return Object.fromEntries(names.map((name, i) => [name, values[i]])) as Record<K, number>
}

function outcomesOf(values: readonly number[]): OutcomeCounts {
  return named([...outcomes, 'none'] as const, values)
}

function cellOf({ entries, outcomes, sketch }: Cell): Omit<OperationCount, 'name'> {
  const duration = sketch?.statistics()
  return { entries, outcomes: outcomesOf(outcomes), ...(duration && { duration }) }
}

function namedEntries(entries: unknown): number {
  try {
    return typeof entries === 'string' ? countIn(parseRanges(entries)) : 0
  } catch {
    return 0
  }
}

function short(attributes: NonNullable<Leaf['attributes']>): NonNullable<Leaf['attributes']> {
  const pairs = Object.entries(attributes).slice(0, maxAttributes)
  return Object.fromEntries(pairs.map(([name, value]) => [cut(name), typeof value === 'string' ? cut(value) : value]))
}

function cut(text: string): string {
  return text.length <= maxAttributeLength ? text : `${text.slice(0, maxAttributeLength)}…`
}

function mostActs(operation: string): number {
  return operation.startsWith('alert.') ? maxAlertActs : maxActs
}

function forgetOldest(operation: string, acts: ControlAct[]): void {
  const most = mostActs(operation)
  // Not one by one: taking off the first of a long list moves all the others.
  if (acts.length > 2 * most) acts.splice(0, acts.length - most)
}

/** `actor` and the zero byte behind it, as they stand in a preimage behind the domain byte and the salt. */
const actorName = utf8('actor\0')
const nameAt = 1 + saltLength
const actorAt = nameAt + actorName.length

function isActor(content: Uint8Array, start: number): boolean {
  for (let i = 0; i < actorName.length; i++) if (content[start + nameAt + i] !== actorName[i]) return false
  return true
}

/** The same few actors come again and again. */
const known = new Map<string, readonly string[]>()

/** Actor and principal, each as a text in which no type can run into an id. What is no JSON names nobody. */
function identities(bytes: Uint8Array): readonly string[] {
  const json = fromUtf8(bytes) ?? ''
  let texts = known.get(json)
  if (texts === undefined) {
    texts = identitiesOf(readJson(json)).map(({ type, id }) => JSON.stringify([type, id]))
    if (known.size >= 5000) known.clear()
    known.set(json, texts)
  }
  return texts
}

function actorOf([actor, principal]: readonly string[]): Actor {
  const part = (text: string) => {
    const [type, id] = JSON.parse(text) as [string, string]
    return { type, id }
  }
  return { ...part(actor!), ...(principal === undefined ? {} : { onBehalfOf: part(principal) }) }
}
