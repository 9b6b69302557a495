/** Entries as JSON: one object a line, or the seed's one document. */
import { visibleJson } from '../../core/visible.ts'
import type { TextFormat } from './format.ts'

/** JSON lines: each entry as `query --json` prints it. */
export const jsonLines: TextFormat = {
  entry: entry => `${visibleJson(entry)}\n`,
}

/** The version of the document that {@link jsonDocument} writes; the seed's was 1.0. */
const documentVersion = '2.0'

/**
 * The seed's document: `entries`, and `metadata` with `exported_at`, `total_entries` and `format_version`. The metadata
 * stands last: only then is the number known.
 */
export const jsonDocument: TextFormat = {
  head: '{"entries":[\n',
  entry: entry => visibleJson(entry),
  between: ',\n',
  foot({ entries, exportedAt }) {
    const metadata = { exported_at: exportedAt, format_version: documentVersion, total_entries: entries }
    return `${entries === 0 ? '' : '\n'}],"metadata":${visibleJson(metadata)}}\n`
  },
}
