/** The seed's system, with the seed's calls: each is one call of a part, and what it gives is what that part says. */
import { randomUUID } from 'node:crypto'
import { open, rename, rm } from 'node:fs/promises'
import { type GuardedLog, guardLog } from './access/guarded-log.ts'
import { type Principal, principalOf } from './access/principal.ts'
import type { ImmutableAuditLogger } from './append/immutable-audit-logger.ts'
import { type Assembly, assemble, type SystemOptions } from './assembly.ts'
import type { AuditLog, OpenCall } from './audit-log.ts'
import { type BackupReport, backupLog } from './backup/backup.ts'
import type { Actor, EntryInput, Outcome, Receipt } from './core/entry.ts'
import { AuditError } from './core/errors.ts'
import type { EventStream } from './core/events.ts'
import type { EntryFilter } from './core/filter.ts'
import type { VerificationReport } from './core/finding.ts'
import { formatTime } from './core/time.ts'
import type { ComponentHealth } from './detect/alert-book.ts'
import type { TamperDetector } from './detect/tamper-detector.ts'
import { type ExportFormat, type ExportSummary, exportEntries } from './export/export.ts'
import type { SimpleGovernance } from './governance/simple-governance.ts'
import { classifyMemoryOperation } from './intake/classification.ts'
import type { AuditMetrics, AuditSummary } from './metrics/audit-metrics.ts'
import { healthScore, type SystemStatus, systemStatus } from './metrics/health.ts'
import { type ComplianceReport, generateComplianceReport } from './report/compliance-report.ts'
import {
  type AuditReport,
  generateAuditReport,
  type ReportRequest,
  type ReportSources,
  type ReportType,
} from './report/report.ts'
import { type ErasureReport, type ErasureRequest, eraseSubject } from './retention/erasure.ts'
import { activeHolds, type Hold, type NewHold, placeHold, releaseHold } from './retention/holds.ts'
import type { RetentionReport } from './retention/retention.ts'
import type { AuditTrailManager } from './trail/audit-trail-manager.ts'
import type { LogStatus } from './trail/reader.ts'
import type { CryptographicVerifier } from './verify/cryptographic-verifier.ts'
import type { HashChainVerifier } from './verify/hash-chain-verifier.ts'

/** What an agent's memory did, as the seed hands it over. */
export interface MemoryOperation {
  /** `remember`, `recall`, `update`, `search`, `forget` … */
  readonly operation: string
  readonly memoryId?: string | number
  readonly userContext?: { readonly [name: string]: unknown }
  readonly operationResult?: unknown
  /** The result of a governance check, as `SimpleGovernance` gives it. */
  readonly governanceResult?: { readonly status?: string; readonly [name: string]: unknown }
  /** Milliseconds and other numbers, by name. */
  readonly performanceData?: { readonly [name: string]: number }
  /** Unless given: `denied` when governance rejected it, `failure` when the result says so, else `success`. */
  readonly outcome?: Outcome
  readonly actor?: Actor
  readonly session?: string
}

/** How sound the log is. */
export interface SystemIntegrity {
  /** 100, less 30 when the chain is invalid, less 10 for each critical alert of the last 24 h, not below 0. */
  readonly score: number
  readonly criticalAlertsOfLastDay: number
  /** The two verdicts, with how far they reach. */
  readonly report: VerificationReport
}

/** The system at a glance. */
export interface SystemOverview extends SystemStatus {
  readonly log: LogStatus
  readonly metrics: AuditSummary
  readonly components: { readonly [component: string]: ComponentHealth }
  readonly openAlerts: number
}

/** A question to the past, as the seed asks it. */
export interface HistoryQuestion {
  readonly operation?: string
  readonly component?: string
  readonly memoryId?: string | number
  /** How far back; 24 unless given. */
  readonly hours?: number
  /** 100 unless given. */
  readonly limit?: number
}

/**
 * The audit system of the seed document: logger, verifiers, detector, trail and metrics over one log.
 *
 * The constructor starts to open it, and every call waits until it is open. Its parts are there when `ready` has resolved.
 *
 * @example
 * await using system = await new MemMimicAuditSystem('audit.db', { keys: 'audit-keys' }).ready()
 * await system.auditMemoryOperation({ operation: 'remember', memoryId: 'mem_1', userContext: { userId: 'u1' } })
 * const { score, report } = await system.verifySystemIntegrity()
 */
export class MemMimicAuditSystem {
  readonly #opening: Promise<Assembly>
  #opened: Assembly | undefined

  /**
   * @param file the log; below the XDG data folder unless given
   * @param options what can be set about the log and about each part
   */
  constructor(file?: string, options: Omit<SystemOptions, 'file'> = {}) {
    this.#opening = assemble(file === undefined ? options : { ...options, file })
    this.#opening.then(
      opened => {
        this.#opened = opened
      },
      () => {},
    )
  }

  /**
   * Resolves when everything is open.
   *
   * @throws AuditError as `openAuditLog`, and `bad_input` for settings that cannot be
   */
  async ready(): Promise<this> {
    this.#opened = await this.#opening
    return this
  }

  // The parts

  get log(): AuditLog {
    return this.#parts.log
  }
  get logger(): ImmutableAuditLogger {
    return this.#parts.logger
  }
  get verifier(): CryptographicVerifier {
    return this.#parts.verifier
  }
  get chain(): HashChainVerifier {
    return this.#parts.chain
  }
  get detector(): TamperDetector {
    return this.#parts.detector
  }
  get trail(): AuditTrailManager {
    return this.#parts.trail
  }
  get metrics(): AuditMetrics {
    return this.#parts.metrics
  }
  get governance(): SimpleGovernance {
    return this.#parts.governance
  }
  get events(): EventStream {
    return this.#parts.events
  }

  get #parts(): Assembly {
    if (this.#opened === undefined) throw new AuditError('closed', 'the system is not open yet: await its ready()')
    return this.#opened
  }

  // The seed's calls

  /** As `ImmutableAuditLogger.logAuditEntry`. */
  async logAuditEntry(entry: EntryInput): Promise<Receipt> {
    return (await this.#opening).log.append(entry)
  }

  /**
   * Records an operation of an agent's memory, with level and flags by the seed's rules.
   *
   * @returns the receipt, when the entry is durable
   * @throws AuditError `bad_input` with the path of the bad value, `busy`, `closed`, `frozen`, `io`
   */
  async auditMemoryOperation(memory: MemoryOperation): Promise<Receipt> {
    const { operation, memoryId, userContext, operationResult, governanceResult, performanceData, actor, session } =
      memory
    const { log, events } = await this.#opening
    const status = governanceResult?.status
    if (status !== undefined) {
      events.emit({ type: 'governed', status, violations: violationsOf(governanceResult?.violations), durationMs: 0 })
    }
    return await log.append({
      operation,
      component: 'memmimic_storage',
      outcome: memory.outcome ?? outcomeOf(memory),
      ...classifyMemoryOperation({ operation, userContext, governanceResult }),
      ...definedOf({
        memoryId,
        userContext,
        operationResult,
        governanceStatus: status,
        performanceMetrics: performanceData,
        actor,
        session,
        sealed: governanceResult && { governanceResult },
      }),
    })
  }

  /** The seed's `verify_entry_integrity`: as `CryptographicVerifier.verifyEntryIntegrity`. */
  async verifyEntryIntegrity(seqOrId: number | string): ReturnType<CryptographicVerifier['verifyEntryIntegrity']> {
    return await (await this.#opening).verifier.verifyEntryIntegrity(seqOrId)
  }

  /** The seed's `verify_hash_chain_integrity`: as `HashChainVerifier.verifyHashChainIntegrity`. */
  async verifyHashChainIntegrity(
    ...given: Parameters<HashChainVerifier['verifyHashChainIntegrity']>
  ): ReturnType<HashChainVerifier['verifyHashChainIntegrity']> {
    return await (await this.#opening).chain.verifyHashChainIntegrity(...given)
  }

  /** Verifies the whole log and says how sound it is. */
  async verifySystemIntegrity(): Promise<SystemIntegrity> {
    const { log, detector } = await this.#opening
    const report = await log.verify()
    const criticalAlertsOfLastDay = detector.getAlerts({ minSeverity: 'critical', hours: 24 }).length
    const score = healthScore({ chainValid: report.valid, criticalAlertsOfLastDay })
    return { score, criticalAlertsOfLastDay, report }
  }

  /** The seed's `query_audit_trail`: as `AuditTrailManager.queryAuditTrail`. */
  async queryAuditTrail(
    ...given: Parameters<AuditTrailManager['queryAuditTrail']>
  ): ReturnType<AuditTrailManager['queryAuditTrail']> {
    return await (await this.#opening).trail.queryAuditTrail(...given)
  }

  /** What happened in the last hours, newest first. */
  async queryAuditHistory(question: HistoryQuestion = {}): ReturnType<AuditTrailManager['queryAuditTrail']> {
    const { operation, component, memoryId, hours = 24, limit = 100 } = question
    const { trail, world } = await this.#opening
    return await trail.queryAuditTrail({
      startTime: formatTime(world.now() - hours * 3_600e6),
      limit,
      ...(operation === undefined ? {} : { operations: [operation] }),
      ...(component === undefined ? {} : { components: [component] }),
      ...(memoryId === undefined ? {} : { memoryIds: [memoryId] }),
    })
  }

  /**
   * The report of a period, as data; `formatHtml`, `formatMarkdown` and `formatJson` write it.
   *
   * @throws AuditError `bad_input` for a wrong period or type
   */
  async generateAuditReport(request: ReportRequest = {}): Promise<AuditReport> {
    return await generateAuditReport(sourcesOf(await this.#opening), request)
  }

  /**
   * The seed's `generate_compliance_report`.
   *
   * @param startTime RFC 3339; the beginning of the log unless given
   * @param endTime RFC 3339; now unless given
   */
  async generateComplianceReport(
    startTime?: string,
    endTime?: string,
    type: ReportType = 'comprehensive',
  ): Promise<ComplianceReport> {
    const request = { type, ...definedOf({ since: startTime, until: endTime }) }
    return await generateComplianceReport(sourcesOf(await this.#opening), request)
  }

  /**
   * Writes entries into a file, which appears when it is whole, for its owner only; on record, with its digest.
   *
   * @throws AuditError `bad_input` for a malformed filter, `io`
   * @example await system.exportAuditData('denied.csv', 'csv', { outcome: 'denied' })
   */
  async exportAuditData(path: string, format: ExportFormat = 'json', filter: EntryFilter = {}): Promise<ExportSummary> {
    const { quietReader, write, writer, world } = await this.#opening
    const fresh = `${path}.${randomUUID()}.new`
    try {
      const file = await open(fresh, 'wx', 0o600)
      try {
        return await exportEntries({
          reader: quietReader,
          format,
          filter,
          write: async piece => void (await file.appendFile(piece)),
          now: () => world.now(),
          sign: () => writer.checkpoint(),
          record: async entry => {
            // The file first: what is on record is there.
            await file.sync()
            await rename(fresh, path)
            return await write(entry)
          },
        })
      } finally {
        await file.close()
      }
    } catch (error) {
      await rm(fresh, { force: true })
      if (error instanceof AuditError) throw error
      throw new AuditError('io', `${path} could not be written: ${(error as Error).message}`, { cause: error })
    }
  }

  /** The system at a glance, by the seed's four quarters; a time counts from twenty measurements on. */
  async getSystemStatus(): Promise<SystemOverview> {
    const { log, metrics, detector } = await this.#opening
    const status = await log.status()
    const summary = metrics.getAuditSummary(24)
    const { append, verification } = summary.systemPerformance
    return {
      ...systemStatus({
        meanAppendMs: steadyMean(append),
        meanVerificationMs: steadyMean(verification),
        openCriticalAlerts: summary.openCriticalAlerts,
        entries: status.size,
      }),
      log: status,
      metrics: summary,
      components: detector.getComponentHealth(),
      openAlerts: detector.getAlerts({ resolved: false }).length,
    }
  }

  /**
   * The log as one principal may use it, with every use on record.
   *
   * @param principal a principal, or the name of one in the settings
   * @throws AuditError `bad_input` when the settings name nobody like that
   * @example for await (const entry of (await system.guard('auditor')).query({ outcome: 'denied' })) show(entry)
   */
  async guard(principal: Principal | string): Promise<GuardedLog<OpenCall>> {
    const { log, quietReader, write, settings } = await this.#opening
    const who = typeof principal === 'string' ? principalOf(settings.access, principal) : principal
    return guardLog(log, who, { reader: quietReader, control: write })
  }

  // What the log keeps, and what it lets go of

  /** Places a legal hold. @returns the receipt; its `id` names the hold */
  async placeHold(hold: NewHold): Promise<Receipt> {
    return await placeHold((await this.#opening).write, hold)
  }

  /** Ends a legal hold, by its id or its name. @throws AuditError `not_found` */
  async releaseHold(id: string, actor?: Actor): Promise<Receipt> {
    const { quietReader, write } = await this.#opening
    return await releaseHold(quietReader, write, { id, ...(actor && { actor }) })
  }

  /** The holds that nobody has released. */
  async activeHolds(): Promise<Hold[]> {
    return await activeHolds((await this.#opening).quietReader)
  }

  /** Lets go of the content whose period is over; the schedule does so by itself. */
  async runRetention(options: { readonly dryRun?: boolean } = {}): Promise<RetentionReport> {
    return await (await this.#opening).prune(options)
  }

  /** Erases what the log holds of a person. */
  async eraseSubject(request: ErasureRequest): Promise<ErasureReport> {
    const { quietReader, writer, subjectKeys, settings } = await this.#opening
    const parts = { reader: quietReader, remove: writer.remove, keys: subjectKeys, newId: randomUUID }
    return await eraseSubject(parts, request, settings.erasure)
  }

  /**
   * Copies the log into a file of its own, encrypted as the log is, while others write; on record. `restoreLog` puts it back,
   * when nobody has the log open.
   *
   * @param path must not be there yet
   * @throws AuditError `already_exists`, `damaged` when the log is not what was signed, `busy`, `io`
   * @example const { size, digest } = await system.backup('/mnt/elsewhere/audit-2026-11-23.db')
   */
  async backup(path: string, options: { readonly actor?: Actor } = {}): Promise<BackupReport> {
    const { file, keys, writer, write, events } = await this.#opening
    const started = performance.now()
    let ok = false
    try {
      const report = await backupLog({ file, keys, sign: writer.checkpoint, write }, path, options)
      ok = true
      return report
    } finally {
      events.emit({ type: 'stored', op: 'backup', ok, durationMs: performance.now() - started })
    }
  }

  /** Commits what waits, signs the last checkpoint, closes every part. Idempotent. */
  async close(): Promise<void> {
    await (await this.#opening).close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** The first few of anything are slow, in a program that has just started, and say nothing of how it is. */
function steadyMean({ count, mean }: { readonly count: number; readonly mean: number }): number {
  return count < 20 ? 0 : mean
}

function outcomeOf({ operationResult, governanceResult }: MemoryOperation): Outcome {
  if (governanceResult?.status === 'rejected') return 'denied'
  const { success, error } = (operationResult ?? {}) as { success?: unknown; error?: unknown }
  return success === false || (error !== undefined && error !== null && error !== false) ? 'failure' : 'success'
}

function violationsOf(violations: unknown): { type: string; severity: string }[] {
  if (!Array.isArray(violations)) return []
  return violations.map(({ type, severity }) => ({ type: String(type), severity: String(severity) }))
}

function sourcesOf({ quietReader, writer, world, settings, metrics, openedAt }: Assembly): ReportSources {
  const { append, query, verification } = metrics.getAuditSummary(24).systemPerformance
  const { days, rules, leafDays } = settings.retention
  const measured = Object.entries({ append, query, verification }).map(([name, statistics]) => ({ name, statistics }))
  return {
    reader: quietReader,
    world,
    sign: () => writer.checkpoint(),
    settings: settings.reports,
    retention: { days, rules, ...(leafDays === undefined ? {} : { leafDays }) },
    measured: { since: formatTime(Math.max(openedAt, world.now() - 24 * 3_600e6)), times: measured },
  }
}

function definedOf<T extends object>(given: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as never
}
