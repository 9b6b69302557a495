/** The alerts that nobody has resolved, by the entries that tell of them. */
import type { Severity } from '../core/finding.ts'
import { alertOperations, parseStep } from '../detect/alert.ts'
import { AlertBook } from '../detect/alert-book.ts'
import { defaultDetectSettings } from '../detect/settings.ts'
import type { Reader } from '../trail/reader.ts'
import { pagesOf } from './rows.ts'

/** How many there are of each severity. */
export async function openAlerts(reader: Pick<Reader, 'query'>): Promise<{ readonly [severity in Severity]: number }> {
  const book = new AlertBook(defaultDetectSettings, () => '')
  const filter = { kind: 'control', operation: alertOperations }
  const all = { limit: Number.POSITIVE_INFINITY, order: 'asc' } as const
  for await (const views of pagesOf(all, page => reader.query(filter, page))) {
    for (const view of views) {
      const step = parseStep(view)
      if (step !== undefined) book.apply(step, view.seq)
    }
  }
  return book.active()
}
