/** The alerts of a period, as its own entries tell of them: not those that are open today. */
import { type Severity, severities } from '../core/finding.ts'
import type { ControlAct } from '../trail/tally.ts'

export interface AlertOfPeriod {
  readonly alertId: string
  /** When and by which entry it was raised; absent when that was before the period. */
  readonly raisedAt?: string
  readonly seq?: number
  readonly tamperType?: string
  /** The last that the period says of it. */
  readonly severity?: Severity
  readonly description?: string
  readonly component?: string
  readonly pattern?: string
  /** How often it was seen. */
  readonly count: number
  /** As it stood when the period ended. */
  readonly state: 'open' | 'acknowledged' | 'resolved'
}

/** @param acts the control entries of the period, oldest first */
export function alertsOf(acts: readonly ControlAct[]): AlertOfPeriod[] {
  const alerts = new Map<string, AlertOfPeriod>()
  for (const act of acts) {
    const id = text(act, 'id')
    if (id === undefined || !act.operation.startsWith('alert.')) continue
    alerts.set(id, after(alerts.get(id) ?? { alertId: id, count: 1, state: 'open' }, act))
  }
  return [...alerts.values()]
}

function after(alert: AlertOfPeriod, act: ControlAct): AlertOfPeriod {
  const severity = severities.find(known => known === text(act, 'severity')) ?? alert.severity
  const judged = severity === undefined ? alert : { ...alert, severity }
  switch (act.operation) {
    case 'alert.raised':
      return {
        ...judged,
        raisedAt: act.time,
        seq: act.seq,
        ...given('tamperType', text(act, 'type')),
        ...given('description', text(act, 'description')),
        ...given('component', text(act, 'component')),
        ...given('pattern', text(act, 'pattern')),
      }
    case 'alert.counted': {
      const count = act.attributes['alert.count']
      return { ...judged, count: typeof count === 'number' ? count : alert.count }
    }
    case 'alert.acknowledged':
      return alert.state === 'open' ? { ...alert, state: 'acknowledged' } : alert
    case 'alert.resolved':
      return { ...alert, state: 'resolved' }
    case 'alert.reopened':
      return { ...alert, state: 'open' }
    default:
      return alert
  }
}

function text({ attributes }: ControlAct, name: string): string | undefined {
  const value = attributes[`alert.${name}`]
  return typeof value === 'string' ? value : undefined
}

function given<K extends string>(name: K, value: string | undefined): { readonly [name in K]?: string } {
  return value === undefined ? {} : ({ [name]: value } as { [name in K]: string })
}
