/** How sensitive an entry is, and to what it has to comply: by the seed's rules for memory operations, and by configured ones. */
import { type EntryInput, type SecurityLevel, securityLevels } from '../core/entry.ts'
import { badInput, notPlain } from '../core/json.ts'
import { type Cursors, globTest, parsePlace, startAlong, stepAlong } from './place.ts'
import type { ClassificationRule, ClassificationSettings } from './settings.ts'

export interface Classification {
  readonly securityLevel: SecurityLevel
  /** Sorted and unique. */
  readonly complianceFlags: readonly string[]
}

/** What a memory operation is classified by. */
export interface MemoryOperationFacts {
  /** `remember`, `recall`, `forget`, `purge` … */
  readonly operation: string
  readonly userContext?: unknown
  /** The result of the governance check, as `SimpleGovernance` gives it. */
  readonly governanceResult?: unknown
}

const confidentialOperations: ReadonlySet<string> = new Set(['forget', 'purge', 'admin_operation'])
const confidentialKeys = ['pii', 'financial', 'medical']
const retainedOperations: ReadonlySet<string> = new Set(['remember', 'update'])

/**
 * The seed's rules for an operation on a memory. A name in `userContext` may be written as the seed does, `admin_user`, or
 * as TypeScript does, `adminUser`.
 *
 * @example
 * classifyMemoryOperation({ operation: 'forget', userContext: { gdpr_applicable: true } })
 * // { securityLevel: 'confidential', complianceFlags: ['audit_required', 'gdpr_compliance'] }
 */
export function classifyMemoryOperation(facts: MemoryOperationFacts): Classification {
  const { operation } = facts
  const context = recordOf(facts.userContext)
  const governance = recordOf(facts.governanceResult)
  const isConfidential =
    confidentialOperations.has(operation) ||
    Boolean(context.admin_user ?? context.adminUser) ||
    confidentialKeys.some(key => Object.hasOwn(context, key))

  const flags = ['audit_required']
  if (retainedOperations.has(operation)) flags.push('retention_required')
  if (hasAny(governance.violations)) flags.push('governance_violations')
  if (hasAny(governance.warnings)) flags.push('governance_warnings')
  if (context.gdpr_applicable ?? context.gdprApplicable) flags.push('gdpr_compliance')
  if (context.hipaa_applicable ?? context.hipaaApplicable) flags.push('hipaa_compliance')
  return { securityLevel: isConfidential ? 'confidential' : 'internal', complianceFlags: flags.sort() }
}

function hasAny(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  const isRecord = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isRecord ? (value as Readonly<Record<string, unknown>>) : {}
}

/**
 * What gives an entry the level and the flags that these settings ask for. It only ever raises the level and adds flags.
 *
 * @throws AuditError `bad_input` when a rule is not well formed
 * @example
 * const classify = classifier({ enabled: true, memoryComponents: [], rules: [
 *   { when: { operation: ['payment.*'] }, securityLevel: 'secret', complianceFlags: ['pci'] },
 * ] })
 */
export function classifier(settings: ClassificationSettings): (entry: EntryInput) => EntryInput {
  if (!settings.enabled) return entry => entry
  const isMemory = settings.memoryComponents.map(glob => globTest(glob))
  const rules = settings.rules.map(compileRule)
  return entry => {
    if (typeof entry !== 'object' || entry === null) return entry
    const found: Partial<Classification>[] = []
    if (isMemory.some(test => test(String(entry.component)))) {
      const { operation, userContext, sealed } = entry
      found.push(classifyMemoryOperation({ operation, userContext, governanceResult: sealed?.governanceResult }))
    }
    for (const rule of rules) if (rule.isAbout(entry)) found.push(rule.gives)
    return found.length === 0 ? entry : raised(entry, found)
  }
}

/** The entry with the highest of these levels and its own, and with all the flags. */
function raised(entry: EntryInput, found: readonly Partial<Classification>[]): EntryInput {
  const own = entry.securityLevel ?? 'internal'
  let rank = securityLevels.indexOf(own === 'standard' ? 'internal' : own)
  const { complianceFlags } = entry
  // A level or flags that are none: captureEntry says so.
  if (rank < 0 || (complianceFlags !== undefined && !Array.isArray(complianceFlags))) return entry
  const flags = new Set<string>(complianceFlags)
  for (const { securityLevel, complianceFlags: more = [] } of found) {
    if (securityLevel !== undefined) rank = Math.max(rank, securityLevels.indexOf(securityLevel))
    for (const flag of more) flags.add(flag)
  }
  return { ...entry, securityLevel: securityLevels[rank]!, complianceFlags: [...flags] }
}

interface CompiledRule {
  readonly isAbout: (entry: EntryInput) => boolean
  readonly gives: Partial<Classification>
}

function compileRule({ when, securityLevel, complianceFlags }: ClassificationRule, i: number): CompiledRule {
  const where = `$.classification.rules[${i}]`
  if (securityLevel !== undefined && !securityLevels.includes(securityLevel)) {
    throw badInput(`${where}.securityLevel`, `must be one of ${securityLevels.join(', ')}`)
  }
  const operations = when.operation?.map(glob => globTest(glob))
  const components = when.component?.map(glob => globTest(glob))
  const places = when.present?.map((path, j) => ({
    place: parsePlace(path, `${where}.when.present[${j}]`),
    owner: path,
  }))
  if (operations === undefined && components === undefined && places === undefined) {
    throw badInput(`${where}.when`, 'must say an operation, a component or what is present')
  }
  return {
    isAbout: entry =>
      (operations?.some(test => test(String(entry.operation))) ?? true) &&
      (components?.some(test => test(String(entry.component))) ?? true) &&
      (places === undefined || isPresent(entry, startAlong(places), 0)),
    gives: {
      ...(securityLevel === undefined ? {} : { securityLevel }),
      ...(complianceFlags === undefined ? {} : { complianceFlags }),
    },
  }
}

/** What is nested deeper is not looked at. */
const maxDepth = 32

/** Whether something stands at one of the places. */
function isPresent(value: unknown, cursors: Cursors<string>, depth: number): boolean {
  if (cursors.length === 0 || depth > maxDepth || typeof value !== 'object' || value === null) return false
  if (!Array.isArray(value) && notPlain(value) !== undefined) return false
  return Object.keys(value).some(name => {
    const { next, arrived } = stepAlong(cursors, name)
    if (arrived === undefined && next.length === 0) return false
    const member = (value as Readonly<Record<string, unknown>>)[name]
    if (arrived !== undefined && member != null && member !== false && member !== '') return true
    return isPresent(member, next, depth + 1)
  })
}
