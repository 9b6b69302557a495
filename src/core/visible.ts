/** Text that can be shown: nothing in it moves a cursor, hides, or turns around what stands beside it. */

/** Control characters, bidirectional controls, invisible separators and tags. */
const unsafe =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

/** A text as it may be shown: whatever is not visible stands there as `\u{…}`. */
export function visible(text: string): string {
  return text.replaceAll(unsafe, char => `\\u{${char.codePointAt(0)!.toString(16)}}`)
}

/** Characters in a sentence: what it quotes may have any length. */
const longest = 500

/** A sentence for a person that may quote what it is about: one line, nothing hidden in it, and its middle left out when it is long. */
export function sentence(text: string): string {
  const quick = text.length > 4 * longest ? cut(text, 2 * longest) : text
  const line = visible(quick.replaceAll(/\s*\n\s*/g, ' '))
  return line.length > longest ? cut(line, longest) : line
}

function cut(text: string, length: number): string {
  const end = Math.floor(length / 3)
  return `${text.slice(0, length - end - 3)} … ${text.slice(-end)}`.toWellFormed()
}

/** JSON in which nothing is hidden: the same value, other escapes. */
export function visibleJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(unsafe, char =>
    char
      .split('')
      .map(unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
