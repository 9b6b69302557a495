/** What is done by itself about an alert, by rule. Each rule is applied to an alert once, and recorded with it. */
import type { Alert, ResponseRecord } from './alert.ts'
import { runCommand } from './run-command.ts'
import type { ResponseRule } from './settings.ts'
import { isAtLeast } from './severity.ts'
import { type AlertNotice, openPart, type Sinks } from './sinks/sink.ts'

/** What responses act with. */
export interface ResponseMeans {
  /** Lets the log take no more entries but those about itself. */
  readonly freeze?: ((reason: string) => Promise<unknown>) | undefined
  /** Lets the log be checked as fast as allowed for so many milliseconds. */
  readonly raisePace?: ((forMs: number) => void) | undefined
  readonly sinks: Sinks
}

const commandTimeoutMs = 10_000

/** The rules that apply to an alert and were not applied to it yet. */
export function dueResponses(
  rules: readonly ResponseRule[],
  { type, severity, responseActions }: Alert,
): readonly ResponseRule[] {
  return rules.filter(
    ({ name, minSeverity, types }) =>
      isAtLeast(severity, minSeverity) &&
      (types?.includes(type) ?? true) &&
      !responseActions.some(({ rule }) => rule === name),
  )
}

/**
 * Applies a rule.
 *
 * @param record writes down what became of it: first that it is started, so that no other start of this software does it
 * again; then how it ended
 */
export async function respond(
  rule: ResponseRule,
  notice: AlertNotice,
  means: ResponseMeans,
  record: (response: ResponseRecord) => Promise<unknown>,
): Promise<void> {
  await record({ rule: rule.name, outcome: 'started' })
  try {
    await act(rule, notice, means)
    await record({ rule: rule.name, outcome: 'success' })
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    await record({ rule: rule.name, outcome: 'failure', detail })
  }
}

async function act(
  rule: ResponseRule,
  notice: AlertNotice,
  { freeze, raisePace, sinks }: ResponseMeans,
): Promise<void> {
  switch (rule.action) {
    case 'freeze': {
      if (freeze === undefined) throw new Error('this process cannot freeze the log')
      const { id, type, severity } = notice.alert
      await freeze(`alert ${id}: ${type}, ${severity}`)
      return
    }
    case 'pace':
      if (raisePace === undefined) throw new Error('this process does not check the log in the background')
      raisePace(rule.forMs)
      return
    case 'command':
      return runCommand(rule.command, openPart(notice), rule.timeoutMs ?? commandTimeoutMs)
    case 'notify':
      return sinks.tellThese(rule.sinks, notice)
  }
}
