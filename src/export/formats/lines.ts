/** Text in the line formats of others: one entry is one line, whatever its values hold. */

const controls = /[\p{Cc}\u2028\u2029]/gu

/** A text without characters that end a line or steer a terminal: each stands there as `\u{…}`. */
export function oneLine(text: string): string {
  return text.replaceAll(controls, char => `\\u{${char.codePointAt(0)!.toString(16)}}`)
}
