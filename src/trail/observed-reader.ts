/** A reader that tells what it answered, and how long that took. */
import type { EventStream } from '../core/events.ts'
import type { Reader } from './reader.ts'

/** @param clock milliseconds, monotonic */
export function observeReader(
  reader: Reader,
  events: EventStream,
  clock: () => number = () => performance.now(),
): Reader {
  const asked = async <T>(ask: () => Promise<T>, count: (answer: T) => number): Promise<T> => {
    const started = clock()
    const answer = await ask()
    events.emit({ type: 'queried', entries: count(answer), durationMs: clock() - started, cached: false })
    return answer
  }
  return {
    ...reader,
    query: (filter, page) =>
      asked(
        () => reader.query(filter, page),
        views => views.length,
      ),
    list: (filter, page) =>
      asked(
        () => reader.list(filter, page),
        rows => rows.length,
      ),
    count: (filter, options) =>
      asked(
        () => reader.count(filter, options),
        () => 0,
      ),
    facets: (filter, options) =>
      asked(
        () => reader.facets(filter, options),
        () => 0,
      ),
    histogram: (filter, options) =>
      asked(
        () => reader.histogram(filter, options),
        () => 0,
      ),
    get: seqOrId =>
      asked(
        () => reader.get(seqOrId),
        entry => (entry === undefined ? 0 : 1),
      ),
    async verify(request, hooks) {
      const report = await reader.verify(request, hooks)
      const { entries, valid, complete, trust, findings, durationMs } = report
      events.emit({ type: 'checked', scope: 'log', entries, valid, complete, trust, findings, durationMs })
      return report
    },
    async summarize(request, hooks) {
      const summary = await reader.summarize(request, hooks)
      const { entries, valid, complete, trust, findings, durationMs } = summary.verification
      events.emit({ type: 'checked', scope: 'log', entries, valid, complete, trust, findings, durationMs })
      return summary
    },
  }
}
