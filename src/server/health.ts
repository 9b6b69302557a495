/** What probes are told, in the words of Kubernetes: a line for each check, and the verdict. */
import type { DegradedMode } from '../trail/degraded.ts'
import type { HealthCheck, HealthReport } from '../trail/log-health.ts'

/** How a probe asks. */
export interface Asked {
  readonly verbose: boolean
  /** Checks that shall not count. */
  readonly exclude: readonly string[]
}

/** Whether a check that failed keeps the server from being ready. */
function isFatal({ ok, name, mode }: HealthCheck, notReadyWhen: readonly DegradedMode[]): boolean {
  return !ok && (name === 'log' || (mode !== undefined && notReadyWhen.includes(mode)))
}

export function isReady(
  { checks }: Pick<HealthReport, 'checks'>,
  notReadyWhen: readonly DegradedMode[],
  isDraining: boolean,
): boolean {
  return !isDraining && !checks.some(check => isFatal(check, notReadyWhen))
}

/**
 * Whether a restart would help: it would when a thread of the log has ended, and would not when the log was tampered
 * with, is frozen or has no room.
 */
export function livez({ alive }: HealthReport, { verbose, exclude }: Asked): Response {
  const line = alive ? '[+]threads ok' : '[-]threads failed: a thread of the log has ended'
  return answer('livez', alive || exclude.includes('threads'), verbose, [line])
}

/** Whether the log takes entries. What is wrong and does not keep it from that is said, and does not count. */
export function readyz(
  { checks }: HealthReport,
  { verbose, exclude }: Asked,
  notReadyWhen: readonly DegradedMode[],
  isDraining: boolean,
): Response {
  let ok = !isDraining
  const lines = checks.map(check => {
    const { name, message } = check
    if (check.ok) return `[+]${name} ok: ${message}`
    if (exclude.includes(name)) return `[+]${name} excluded: ${message}`
    if (!isFatal(check, notReadyWhen)) return `[~]${name} degraded: ${message}`
    ok = false
    return `[-]${name} failed: ${message}`
  })
  lines.push(isDraining ? '[-]shutdown failed: the server is about to end' : '[+]shutdown ok')
  const unknown = exclude.filter(name => !checks.some(check => check.name === name))
  if (unknown.length > 0)
    lines.push(`warn: there are no checks ${unknown.map(name => JSON.stringify(name)).join(', ')}`)
  return answer('readyz', ok, verbose, lines)
}

/** What failed is always told in full. */
function answer(name: string, ok: boolean, verbose: boolean, lines: readonly string[]): Response {
  const text = ok && !verbose ? 'ok' : [...lines, `${name} check ${ok ? 'passed' : 'failed'}`].join('\n')
  return new Response(`${text}\n`, { status: ok ? 200 : 503, headers: { 'content-type': 'text/plain; charset=utf-8' } })
}
