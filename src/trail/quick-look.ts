/**
 * A quick look at the bytes of an entry, before any JSON in it is parsed: may there be what a filter looks for in texts?
 * Where not, which is most of the time while a search goes over many entries, opening the entry is saved.
 */
import type { CompiledFilter } from '../core/filter.ts'
import type { StoredEntry } from '../store/store.ts'

/** Characters that stand in UTF-8 JSON as one byte, as they are. */
const plain = /[^\x20\x21\x23-\x5b\x5d-\x7e]+/

/**
 * What may be written in another way than it is looked for: escapes that canonical JSON does not need, and the only two
 * characters beyond ASCII whose lower case is in it, K (U+212A) and İ (U+0130), as UTF-8 read byte by byte, in lower case.
 */
const other = /\\[u/]|\u00e2\u0084\u00aa|\u00e4\u00b0/

/** What a filter looks for in texts, as a test of bytes; `undefined` when it looks for nothing that could be seen so. */
export function quickLook({ fragments }: CompiledFilter): ((stored: StoredEntry) => boolean) | undefined {
  const wanted = fragments.map(anyOf => anyOf.map(longestPiece)).filter(anyOf => anyOf.every(piece => piece !== ''))
  if (wanted.length === 0) return undefined
  return ({ leaf, content }) => {
    const texts = [leaf, content].map(lowerBytes)
    const isThere = (piece: string) => texts.some(text => text.includes(piece))
    return wanted.every(anyOf => anyOf.some(isThere)) || texts.some(text => other.test(text))
  }
}

function longestPiece(fragment: string): string {
  return fragment.split(plain).reduce((longest, piece) => (piece.length > longest.length ? piece : longest))
}

function lowerBytes(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1').toLowerCase()
}
