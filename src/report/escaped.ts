import { visible } from '../core/visible.ts'

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A text as it may stand in HTML, in an element or in a quoted attribute: no markup, and nothing that hides. */
export function escaped(text: string): string {
  return visible(text).replaceAll(/[&<>"']/g, char => entities[char]!)
}
