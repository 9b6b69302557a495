/** The seed's two rules of health, as functions of facts. */

export interface HealthFacts {
  readonly chainValid: boolean
  /** Critical alerts that were raised within the last 24 h, resolved or not. */
  readonly criticalAlertsOfLastDay: number
}

/**
 * 100, less 30 when the chain is invalid, less 10 for each critical alert of the last 24 h, not below 0.
 *
 * @example healthScore({ chainValid: false, criticalAlertsOfLastDay: 2 }) // 50
 */
export function healthScore({ chainValid, criticalAlertsOfLastDay }: HealthFacts): number {
  return Math.max(0, 100 - (chainValid ? 0 : 30) - 10 * criticalAlertsOfLastDay)
}

export interface StatusFacts {
  /** Mean time of an append in ms; 0 when nothing was appended yet. */
  readonly meanAppendMs: number
  /** Mean time to verify an entry in ms; 0 when nothing was verified yet. */
  readonly meanVerificationMs: number
  readonly openCriticalAlerts: number
  /** Entries in the log. */
  readonly entries: number
}

export interface SystemStatus {
  /** `healthy` above 80, `degraded` above 60, else `critical`. */
  readonly status: 'healthy' | 'degraded' | 'critical'
  /** 25 for each of the four that holds. */
  readonly score: number
  /** Mean append below 5 ms. */
  readonly appendsAreFast: boolean
  /** Mean verification below 2 ms. */
  readonly verificationsAreFast: boolean
  readonly noCriticalAlertIsOpen: boolean
  readonly logIsNotEmpty: boolean
}

/**
 * The state of the system in four quarters.
 *
 * @example systemStatus({ meanAppendMs: 7, meanVerificationMs: 0.1, openCriticalAlerts: 0, entries: 9 }).score // 75
 */
export function systemStatus(facts: StatusFacts): SystemStatus {
  const quarters = {
    appendsAreFast: facts.meanAppendMs < 5,
    verificationsAreFast: facts.meanVerificationMs < 2,
    noCriticalAlertIsOpen: facts.openCriticalAlerts === 0,
    logIsNotEmpty: facts.entries > 0,
  }
  const score = 25 * Object.values(quarters).filter(Boolean).length
  return { status: score > 80 ? 'healthy' : score > 60 ? 'degraded' : 'critical', score, ...quarters }
}
