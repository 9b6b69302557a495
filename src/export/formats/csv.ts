/**
 * Entries as CSV (RFC 4180), safe to be opened with a spreadsheet.
 *
 * A spreadsheet takes a cell for a formula when it begins with one of a few characters, whatever quotes stand around it
 * (CWE-1236; OWASP, CSV injection). Two rules prevent that, and both can be undone, so that a row still says exactly what
 * the entry says: a text that could begin a formula has an apostrophe in front, and so has one that would then look as if
 * it had one; in JSON such a character is written as its escape, which is the same JSON. The same holds behind each
 * semicolon, because where the comma is the decimal sign a spreadsheet cuts there.
 */
import { type EntryView, leafMembers } from '../../core/view.ts'
import type { TextFormat } from './format.ts'

/** Members that are texts or numbers: they stand in their cells as they are. Everything else stands as JSON. */
const plain: ReadonlySet<string> = new Set([
  'seq',
  'time',
  'id',
  'kind',
  'operation',
  'component',
  'outcome',
  'memoryId',
  'session',
  'securityLevel',
  'governanceStatus',
  'intent',
  'trace',
  'previousHash',
  'entryHash',
  'v',
])

/** In `values`: what an entry seals under names of its own. In `sealed`: the commitments. */
const columns = [
  ...['seq', 'time', 'id', 'kind', 'operation', 'component', 'outcome', 'actor', 'memoryId', 'session'],
  ...['securityLevel', 'complianceFlags', 'governanceStatus', 'intent', 'trace', 'performanceMetrics', 'attributes'],
  ...['userContext', 'operationResult', 'arguments', 'values', 'sealed', 'previousHash', 'entryHash', 'v'],
]

const columnNames: ReadonlySet<string> = new Set(columns)

export const csv: TextFormat = {
  head: `${columns.join(',')}\r\n`,
  entry: entry => `${columns.map(name => quoted(cell(entry, name))).join(',')}\r\n`,
}

function cell(entry: EntryView, name: string): string {
  const value = name === 'values' ? otherValues(entry) : entry[name]
  if (value === undefined) return ''
  if (plain.has(name) && typeof value !== 'object') return plainText(String(value))
  return plainJson(JSON.stringify(value))
}

function otherValues(entry: EntryView): object | undefined {
  const names = Object.keys(entry).filter(
    name => !leafMembers.has(name) && (name === 'values' || !columnNames.has(name)),
  )
  return names.length === 0 ? undefined : Object.fromEntries(names.map(name => [name, entry[name]]))
}

/** What begins a formula, in one width or the other, and what may stand before it unseen. */
const formula = "('*\\s*[=+\\-@\\t\\r\\n\\0\uff1d\uff0b\uff0d\uff20])"
const startsFormula = new RegExp(`(^|;)${formula}`, 'g')

/** A text with an apostrophe wherever a formula could begin. */
function plainText(text: string): string {
  return text.replaceAll(startsFormula, "$1'$2")
}

/** JSON in which no formula begins behind a semicolon, which can only stand in a text there. */
function plainJson(json: string): string {
  return json.replaceAll(/;(\s*)([=+\-@\uff1d\uff0b\uff0d\uff20])/g, (_, space: string, char: string) => {
    return `;${space}\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

function quoted(text: string): string {
  return /^[\w.:-]*$/.test(text) ? text : `"${text.replaceAll('"', '""')}"`
}
