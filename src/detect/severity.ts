/** Severities by their rank: never as text, in which `critical` comes before `high`. */
import { type Severity, severities } from '../core/finding.ts'

/** 0 for `info` to 4 for `critical`. */
export function rankOf(severity: Severity): number {
  return severities.indexOf(severity)
}

export function isAtLeast(severity: Severity, least: Severity): boolean {
  return rankOf(severity) >= rankOf(least)
}

export function worse(a: Severity, b: Severity): Severity {
  return rankOf(a) >= rankOf(b) ? a : b
}

/** One step higher; what is critical stays so. */
export function oneStepUp(severity: Severity): Severity {
  return severities[Math.min(rankOf(severity) + 1, severities.length - 1)]!
}
