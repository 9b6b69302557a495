/** What a person may set about reports. Plain data. */
import type { ControlFrameworkId } from './controls/index.ts'

export interface ReportSettings {
  /** Whose controls are shown in reports of every type; a compliance report shows all of them when none is named. */
  readonly frameworks: readonly ControlFrameworkId[]
  /** Values that a table names; the others are counted. 1–1000. */
  readonly topValues: number
  /** Whether actors are named. Without, a report says how many entries there are, and of nobody. */
  readonly nameActors: boolean
  /** Where a console runs, `http(s)://…`: figures in HTML then link to it. */
  readonly consoleUrl?: string
  /** Above this mean time of an append or a verification a report recommends to look into it. The seed's rule. */
  readonly meanAuditTimeMs: number
  /** Above this number of governance results a report recommends to look into the rules. The seed's rule. */
  readonly governanceValidations: number
  /** Above this share of denied attempts among what has an outcome, 0–1. */
  readonly deniedShare: number
  /** Above this share of failures among what has an outcome, 0–1. */
  readonly failureShare: number
}

export const defaultReportSettings: ReportSettings = {
  frameworks: [],
  topValues: 20,
  nameActors: true,
  meanAuditTimeMs: 10,
  governanceValidations: 100,
  deniedShare: 0.1,
  failureShare: 0.1,
}
