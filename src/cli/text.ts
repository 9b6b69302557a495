/** Text for a terminal: nothing that a value holds may move the cursor, hide or turn around what stands beside it. */
import { visible, visibleJson } from '../core/visible.ts'

export { visible } from '../core/visible.ts'

/** JSON as one line, in which nothing is hidden from a terminal either. */
export function jsonLine(value: unknown): string {
  return `${visibleJson(value)}\n`
}

/** Any value as one visible line: texts as they are, the rest as JSON. */
export function shown(value: unknown): string {
  return visible(typeof value === 'string' ? value : JSON.stringify(value))
}

const wide =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60]/u
const zero = /^[\p{Mn}\p{Me}\u200d]/u

/** Columns that a text takes. */
export function widthOf(text: string): number {
  let width = 0
  for (const char of text) width += char < '\u0300' ? 1 : zero.test(char) ? 0 : wide.test(char) ? 2 : 1
  return width
}

/** A text cut to so many columns, with an ellipsis for what is left out. */
export function clip(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text
  let out = ''
  let width = 0
  for (const char of text) {
    width += widthOf(char)
    if (width > columns - 1) break
    out += char
  }
  return `${out}…`
}

/** A text made so many columns wide. */
export function pad(text: string, columns: number, side: 'left' | 'right' = 'right'): string {
  const space = ' '.repeat(Math.max(0, columns - widthOf(text)))
  return side === 'right' ? text + space : space + text
}

/** `1 entry`, `2 entries`. */
export function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`
}

export interface Column<T> {
  readonly title: string
  readonly value: (row: T) => string
  readonly align?: 'left' | 'right'
  /** Columns never give up more than down to this width; without one they are never cut. */
  readonly min?: number
}

/** A table: the widths that fit into `columns`, taken from the widest columns that may shrink. */
export function layOut<T>(columns: readonly Column<T>[], rows: readonly T[], total: number): string[][] {
  const cells = [columns.map(({ title }) => title), ...rows.map(row => columns.map(({ value }) => value(row)))]
  const widths = columns.map((_, i) => Math.max(...cells.map(line => widthOf(line[i]!))))
  const kept = columns.flatMap((_, i) => (widths[i]! > 0 && rows.some(row => columns[i]!.value(row) !== '') ? [i] : []))
  const over = () => kept.reduce((sum, i) => sum + widths[i]!, 2 * (kept.length - 1)) - total
  while (over() > 0) {
    const least = (i: number) => columns[i]!.min ?? Number.POSITIVE_INFINITY
    const shrinkable = kept.filter(i => widths[i]! > least(i))
    if (shrinkable.length === 0) break
    const widest = shrinkable.reduce((a, b) => (widths[b]! > widths[a]! ? b : a))
    widths[widest]!--
  }
  return cells.map(line =>
    kept.map((i, k) => {
      const last = k === kept.length - 1 && columns[i]!.align !== 'right'
      const text = clip(line[i]!, widths[i]!)
      return last ? text : pad(text, widths[i]!, columns[i]!.align === 'right' ? 'left' : 'right')
    }),
  )
}
