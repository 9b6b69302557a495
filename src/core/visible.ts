/** Text that can be shown: nothing in it moves a cursor, hides, or turns around what stands beside it. */

/** Control characters, bidirectional controls, invisible separators and tags. */
const unsafe =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu

/** A text as it may be shown: whatever is not visible stands there as `\u{…}`. */
export function visible(text: string): string {
  return text.replaceAll(unsafe, char => `\\u{${char.codePointAt(0)!.toString(16)}}`)
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
