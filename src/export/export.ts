/** Entries for elsewhere, in the language of whoever takes them, oldest first, and the export itself on record. */
import { createHash } from 'node:crypto'
import type { WriteControl } from '../core/control.ts'
import type { Actor, Receipt } from '../core/entry.ts'
import { compileFilter, type EntryFilter } from '../core/filter.ts'
import { formatTime, type Micros } from '../core/time.ts'
import type { Reader } from '../trail/reader.ts'
import { type BundleRequest, writeBundle } from './bundle.ts'
import { cef } from './formats/cef.ts'
import { csv } from './formats/csv.ts'
import type { TextFormat } from './formats/format.ts'
import { jsonDocument, jsonLines } from './formats/json.ts'
import { ocsf } from './formats/ocsf.ts'
import { type SyslogOptions, syslog } from './formats/syslog.ts'
import { closeValues, type MayOpen } from './values.ts'

/** What each format is of, given the log's name and how syslog shall be written. */
const textFormats = {
  json: () => jsonDocument,
  jsonl: () => jsonLines,
  csv: () => csv,
  cef: ({ origin }: SyslogOptions) => cef(origin),
  ocsf: ({ origin }: SyslogOptions) => ocsf(origin),
  syslog,
} satisfies Readonly<Record<string, (options: SyslogOptions) => TextFormat>>

export type ExportFormat = keyof typeof textFormats | 'bundle'
export const exportFormats = [...Object.keys(textFormats), 'bundle'] as readonly ExportFormat[]

export interface ExportRequest {
  readonly reader: Pick<Reader, 'query' | 'list' | 'kept' | 'tiles' | 'leaf' | 'checkpoint' | 'status'>
  readonly format: ExportFormat
  /** Which entries; all of them unless given. */
  readonly filter?: EntryFilter
  /** Takes the text, piece by piece. The next is made when it has taken the last. */
  readonly write: (piece: string) => void | Promise<void>
  readonly now: () => Micros
  /** Which sealed values leave; all that can be opened, unless given. */
  readonly mayOpen?: MayOpen
  /** Records the export when it is done: `logControl` of the log. */
  readonly record?: (...entry: Parameters<WriteControl>) => Promise<Receipt | undefined>
  /** Who exports, for the record. */
  readonly actor?: Actor
  /** How syslog messages are written. */
  readonly syslog?: Omit<SyslogOptions, 'origin'>
  /** For a bundle: signs the head where no checkpoint covers it yet. */
  readonly sign?: () => Promise<unknown>
  /** For a bundle: the log of which `reader` shows only a part. */
  readonly partOf?: BundleRequest['partOf']
  /** For a bundle: signed checkpoints that it shall be held against later. */
  readonly anchors?: readonly string[]
  readonly onProgress?: (entries: number) => void
  readonly signal?: AbortSignal
}

/** What was exported. */
export interface ExportSummary {
  readonly format: ExportFormat
  readonly entries: number
  readonly bytes: number
  /** SHA-256 of the bytes, 64 hex digits. */
  readonly digest: string
  /** The log of which it was: entries and root. For a bundle, those of its checkpoint. */
  readonly size: number
  readonly rootHash: string
  /** Entries that were asked for and could not be read; what happened to them, `verify` says. */
  readonly unreadable: number
  /** Of the entry `access.export`, where it was recorded. */
  readonly receipt?: Receipt
}

/**
 * Exports entries, as of the head at the time of the call, in little memory however many they are.
 *
 * Every row of every format carries `seq`, `id` and `entryHash`, so that it can be found again in the log and proved. What is
 * exported is recorded as the control entry `access.export`, with the digest of its bytes.
 *
 * @throws AuditError `bad_input` for a malformed filter; whatever `write` and `record` throw
 * @example await exportEntries({ reader, format: 'csv', filter: { outcome: 'denied' }, write: text => out.write(text), now, record })
 */
export async function exportEntries(request: ExportRequest): Promise<ExportSummary> {
  const hash = createHash('sha256')
  let bytes = 0
  const write = async (piece: string) => {
    hash.update(piece)
    bytes += Buffer.byteLength(piece)
    await request.write(piece)
  }
  const written = await (request.format === 'bundle' ? writeSigned(request, write) : writeText(request, write))
  const summary = { format: request.format, ...written, bytes, digest: hash.digest('hex') }
  const receipt = await request.record?.(exportRecord(summary, request))
  return receipt === undefined ? summary : { ...summary, receipt }
}

type Written = Pick<ExportSummary, 'entries' | 'size' | 'rootHash' | 'unreadable'>
type Write = (piece: string) => Promise<void>

async function writeSigned({ onProgress, ...request }: ExportRequest, write: Write): Promise<Written> {
  const { size, signed } = await request.reader.status()
  if (signed < size) await request.sign?.()
  return await writeBundle({ ...request, write, ...(onProgress && { onEntries: onProgress }) })
}

/** Entries that are read in one go. */
const pageSize = 128

async function writeText(request: ExportRequest, write: Write): Promise<Written> {
  const { reader, filter = {}, mayOpen = () => true, onProgress = () => {}, now, signal } = request
  const { origin, size, rootHash } = await reader.status()
  const format: TextFormat = textFormats[request.format as keyof typeof textFormats]({ ...request.syslog, origin })
  const asOfNow = { ...filter, where: [...(filter.where ?? []), { field: 'seq', op: 'lt', value: size } as const] }
  // Where the index alone can say which entries there are, one that cannot be read is noticed.
  const isIndexed = compileFilter(asOfNow).rest.length === 0
  let entries = 0
  let unreadable = 0
  if (format.head !== undefined) await write(format.head)
  for (let after: number | undefined; ; ) {
    signal?.throwIfAborted()
    const page = { limit: pageSize, order: 'asc', after } as const
    const rows = isIndexed ? await reader.list(asOfNow, page) : undefined
    const views = await reader.query(asOfNow, page)
    const last = (rows ?? views).at(-1)?.seq ?? -1
    for (const view of views) {
      if (view.seq > last) break
      if (entries++ > 0 && format.between !== undefined) await write(format.between)
      await write(format.entry(closeValues(view, mayOpen)))
    }
    if (rows !== undefined) unreadable += rows.length - views.filter(({ seq }) => seq <= last).length
    onProgress(entries)
    if ((rows ?? views).length < pageSize) break
    after = last
  }
  if (format.foot) await write(format.foot({ entries, exportedAt: formatTime(now()) }))
  return { entries, size, rootHash, unreadable }
}

function exportRecord(
  summary: Omit<ExportSummary, 'receipt'>,
  { filter, actor }: ExportRequest,
): Parameters<WriteControl>[0] {
  const { format, entries, digest, size, rootHash } = summary
  return {
    operation: 'access.export',
    outcome: 'success',
    attributes: { format, entries, digest, size, rootHash },
    ...(actor && { actor }),
    // What was looked for may name a person.
    ...(filter === undefined ? {} : { sealed: { filter: JSON.parse(JSON.stringify(filter)) } }),
  }
}
