/**
 * What laws and standards say about how long logs are kept, as data with its sources. A period here is what the text asks
 * for of logs of this kind; whether a text applies to someone is not for a program to say.
 */
import type { SecurityLevel } from '../core/entry.ts'
import type { RetentionSettings } from './settings.ts'

export interface Framework {
  readonly title: string
  /** Days that logs are kept at least. */
  readonly days: number
  /** What the text says, in our words. */
  readonly says: string
  readonly source: string
  readonly url: string
  /** What entries are classified as, where a preset is chosen: settings of `intake.classification.rules`. */
  readonly levels: readonly {
    readonly when: { readonly present: readonly string[] }
    readonly securityLevel: SecurityLevel
    readonly complianceFlags: readonly string[]
  }[]
}

export const frameworks = {
  'eu-ai-act': {
    title: 'EU AI Act',
    days: 184,
    says: 'Providers and deployers of high-risk systems keep the automatically generated logs for at least six months.',
    source: 'Regulation (EU) 2024/1689, Articles 19(1) and 26(6)',
    url: 'https://eur-lex.europa.eu/eli/reg/2024/1689/oj',
    levels: [],
  },
  pci: {
    title: 'PCI DSS 4',
    days: 365,
    says: 'Audit log history is kept for at least twelve months, the last three of them ready for analysis.',
    source: 'PCI DSS 4.0.1, requirement 10.5.1',
    url: 'https://www.pcisecuritystandards.org/document_library/',
    levels: [
      {
        when: { present: ['userContext.financial', 'userContext.payment'] },
        securityLevel: 'confidential',
        complianceFlags: ['pci_dss'],
      },
    ],
  },
  hipaa: {
    title: 'HIPAA Security Rule',
    days: 2192,
    says: 'Required documentation of actions and activities is kept for six years.',
    source: '45 CFR 164.316(b)(2)(i), with 164.312(b)',
    url: 'https://www.ecfr.gov/current/title-45/section-164.316',
    levels: [
      {
        when: { present: ['userContext.medical', 'userContext.hipaa_applicable'] },
        securityLevel: 'confidential',
        complianceFlags: ['hipaa_compliance'],
      },
    ],
  },
  soc2: {
    title: 'SOC 2',
    days: 365,
    says: 'No period is set; evidence has to cover the period under examination, which is a year as a rule.',
    source: 'AICPA Trust Services Criteria, CC7.2 and CC4.1',
    url: 'https://www.aicpa-cima.com/resources/download/2017-trust-services-criteria-with-revised-points-of-focus-2022',
    levels: [],
  },
} as const satisfies Readonly<Record<string, Framework>>

export type FrameworkId = keyof typeof frameworks
export const frameworkIds = Object.keys(frameworks) as FrameworkId[]

/** The periods that frameworks ask for, as settings: the longest of them. */
export function presetOf(ids: readonly FrameworkId[]): Pick<RetentionSettings, 'days' | 'frameworks'> {
  return { days: Math.max(...ids.map(id => frameworks[id].days)), frameworks: ids }
}

/** Where periods are shorter than a chosen framework asks for: one sentence each. */
export function shortfalls({ days, rules, frameworks: chosen }: RetentionSettings): string[] {
  return chosen.flatMap(id => {
    const { title, days: asked, source } = frameworks[id]
    const said = (what: string, kept: number) =>
      `${what} is kept for ${kept} days; ${title} asks for ${asked} (${source})`
    const short = rules
      .filter(rule => rule.days < asked)
      .map(rule => said(`content under the rule ${rule.name}`, rule.days))
    return days < asked ? [said('content', days), ...short] : []
  })
}
