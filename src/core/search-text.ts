/** Words in the texts of an entry: what a full-text search means. */
import { badInput } from './json.ts'
import type { EntryView } from './view.ts'

/**
 * Members of an entry that are no texts to search: hashes, and the id and time that the log itself gives to every entry.
 * An index of texts leaves out the same.
 */
export const notTexts: ReadonlySet<string> = new Set(['id', 'time', 'sealed', 'previousHash', 'entryHash'])

/** As texts are compared where upper and lower case are the same. */
export function foldCase(text: string): string {
  return text.toLowerCase()
}

/**
 * The words and phrases of a search, in lower case.
 *
 * @throws AuditError `bad_input`
 */
export function wordsOf(text: unknown): readonly string[] {
  if (typeof text !== 'string') throw badInput('$.text', 'must be a text')
  const parts = text.split('"')
  if (parts.length % 2 === 0) throw badInput('$.text', 'a phrase is not closed: a " is missing')
  const words = parts.flatMap((part, i) => (i % 2 === 1 ? [part] : part.split(/\s+/))).filter(word => word !== '')
  if (words.length === 0) throw badInput('$.text', 'no word is given')
  return words.map(foldCase)
}

/** Whether each word occurs in a text of the entry, within a word or as one. */
export function hasWords(view: EntryView, words: readonly string[]): boolean {
  const missing = new Set(words)
  const open: unknown[] = []
  for (const name in view) if (!notTexts.has(name)) open.push(view[name])
  while (open.length > 0 && missing.size > 0) {
    const value = open.pop()
    if (typeof value === 'string') {
      const text = foldCase(value)
      for (const word of missing) if (text.includes(word)) missing.delete(word)
    } else if (typeof value === 'object' && value !== null) {
      for (const name of Object.keys(value)) open.push((value as Record<string, unknown>)[name])
    }
  }
  return missing.size === 0
}
