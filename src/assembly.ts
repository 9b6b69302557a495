/** Opens everything that the system is made of, wires it, and takes it apart again. No logic of its own. */
import { type AccessSettings, defaultAccessSettings } from './access/settings.ts'
import { loadStorageKey } from './append/keys.ts'
import { type ErasableKeys, openSubjectKeys } from './append/subject-keys.ts'
import type { ControlInput, WriteControl } from './core/control.ts'
import type { Micros } from './core/time.ts'
import { LogFollower } from './detect/log-follower.ts'
import { Scrubber } from './detect/scrubber.ts'
import { type DetectSettings, defaultDetectSettings } from './detect/settings.ts'
import type { LogLine } from './detect/sinks/log-line.ts'
import { TamperDetector } from './detect/tamper-detector.ts'
import { defaultGovernanceSettings, type GovernanceSettings } from './governance/settings.ts'
import { type GovernanceRule, SimpleGovernance } from './governance/simple-governance.ts'
import { prepareEntry } from './intake/prepare.ts'
import { defaultIntakeSettings, type IntakeSettings } from './intake/settings.ts'
import { contextual } from './integrations/context.ts'
import { AuditMetrics } from './metrics/audit-metrics.ts'
import { defaultMetricsSettings, type MetricsSettings } from './metrics/settings.ts'
import type { ThresholdCrossing } from './metrics/threshold.ts'
import { defaultReportSettings, type ReportSettings } from './report/settings.ts'
import { archiveTo } from './retention/archive.ts'
import { type RetentionReport, runRetention } from './retention/retention.ts'
import { Schedule } from './retention/schedule.ts'
import {
  defaultErasureSettings,
  defaultRetentionSettings,
  type ErasureSettings,
  type RetentionSettings,
} from './retention/settings.ts'
import type { StreamSettings } from './streams/settings.ts'
import { openStreams, type Streams } from './streams/streams.ts'
import { type OpenAuditLogOptions, type OpenedParts, openParts } from './system.ts'
import { AuditTrailManager } from './trail/audit-trail-manager.ts'
import { CryptographicVerifier } from './verify/cryptographic-verifier.ts'
import { HashChainVerifier } from './verify/hash-chain-verifier.ts'

/** What can be set about each part; what is not given is as each part has it. */
export interface SystemSettings {
  readonly intake: IntakeSettings
  readonly governance: GovernanceSettings
  readonly metrics: MetricsSettings
  readonly detection: DetectSettings
  readonly retention: RetentionSettings
  readonly erasure: ErasureSettings
  readonly access: AccessSettings
  readonly reports: ReportSettings
  readonly streams: readonly StreamSettings[]
}

export const defaultSystemSettings: SystemSettings = {
  intake: defaultIntakeSettings,
  governance: defaultGovernanceSettings,
  metrics: defaultMetricsSettings,
  detection: defaultDetectSettings,
  retention: defaultRetentionSettings,
  erasure: defaultErasureSettings,
  access: defaultAccessSettings,
  reports: defaultReportSettings,
  streams: [],
}

export interface SystemOptions extends Omit<OpenAuditLogOptions, 'prepare'> {
  readonly settings?: Partial<SystemSettings>
  /** For the redaction's action `hash`: at least 16 bytes, kept apart from the log. */
  readonly redactionKey?: Uint8Array
  /** What governance asks beyond its thresholds. */
  readonly governanceRules?: readonly GovernanceRule[]
  /** Where alerts and other news of the system are written, one line each; nowhere unless given. */
  readonly logLine?: LogLine
  /** Whether detection also looks at what other processes append; false unless given. */
  readonly follow?: boolean
}

/** Everything, open. */
export interface Assembly extends OpenedParts {
  readonly settings: SystemSettings
  readonly openedAt: Micros
  readonly write: WriteControl
  readonly governance: SimpleGovernance
  readonly metrics: AuditMetrics
  readonly verifier: CryptographicVerifier
  readonly chain: HashChainVerifier
  readonly trail: AuditTrailManager
  readonly detector: TamperDetector
  readonly scrubber: Scrubber
  readonly streams: Streams
  readonly subjectKeys: ErasableKeys | undefined
  /** Lets go of what is due now. */
  prune(run?: { readonly dryRun?: boolean; readonly signal?: AbortSignal }): Promise<RetentionReport>
  close(): Promise<void>
}

/** How long after the start the first pruning run begins: an opening has enough to do. */
const firstPruneMs = 60_000
/** Between two steps of a run in the background. */
const prunePauseMs = 100

/** @throws AuditError as `openAuditLog`, and `bad_input` for settings that cannot be */
export async function assemble({
  settings: given,
  redactionKey,
  governanceRules,
  logLine,
  follow = false,
  ...options
}: SystemOptions): Promise<Assembly> {
  const settings = { ...defaultSystemSettings, ...given }
  const governance = new SimpleGovernance({
    settings: settings.governance,
    ...(governanceRules && { rules: governanceRules }),
    now: () => parts.world.now(),
  })
  const take = prepareEntry(settings.intake, redactionKey)
  const parts = await openParts({ ...options, prepare: entry => take(contextual(entry)) })
  const closing: (() => unknown)[] = [() => parts.log.close()]
  const close = async () => {
    const faults: unknown[] = []
    for (const end of closing.splice(0).reverse()) {
      try {
        await end()
      } catch (fault) {
        faults.push(fault)
      }
    }
    if (faults.length > 0) throw faults[0]
  }
  try {
    return await build(parts, { settings, governance, logLine, follow, closing, close })
  } catch (error) {
    await close().catch(() => {})
    throw error
  }
}

interface Wiring {
  readonly settings: SystemSettings
  readonly governance: SimpleGovernance
  readonly logLine: LogLine | undefined
  readonly follow: boolean
  /** What is to be undone, in the order in which it was done. */
  readonly closing: (() => unknown)[]
  close(): Promise<void>
}

async function build(parts: OpenedParts, wiring: Wiring): Promise<Assembly> {
  const { logger, writer, quietReader, events, world, file, keys } = parts
  const { settings, governance, logLine, follow, closing, close } = wiring
  const now = () => world.now()
  const write: WriteControl = (entry: ControlInput) => logger.logControl(entry)

  const verifier = new CryptographicVerifier({ log: quietReader, events, now })
  const chain = new HashChainVerifier({ check: (range, hooks) => quietReader.verify(range, hooks), events, now })
  const trail = new AuditTrailManager({ reader: quietReader, events, now })

  const streams = await openStreams(settings.streams, { reader: quietReader, events, world, file })
  closing.push(() => streams.close())

  const scrubber = new Scrubber({ reader: quietReader, events, file, settings: settings.detection.scrub })
  const detector = new TamperDetector({
    events,
    reader: quietReader,
    write,
    world,
    settings: settings.detection,
    isFollowing: follow,
    freeze: reason => write({ operation: 'log.frozen', sealed: { reason } }),
    raisePace: forMs => scrubber.raisePace(forMs),
    ...(logLine && { logLine }),
  })
  const metrics = new AuditMetrics({
    events,
    now,
    settings: settings.metrics,
    outside: {
      bufferEntries: () => logger.waiting,
      streamLagEntries: () => Object.fromEntries(streams.status().map(({ name, lag }) => [name, lag])),
      criticalAlertsOfLastDay: () => detector.getAlerts({ minSeverity: 'critical', hours: 24 }).length,
    },
  })
  metrics.onCrossing(crossing => detector.recordEvent(reported(crossing)))
  closing.push(() => metrics.close())

  await detector.open()
  closing.push(() => detector.close())

  if (follow) {
    const onFault = (message: string) => events.emit({ type: 'fault', where: 'follower', message })
    const onEntries = detector.observe.bind(detector)
    const follower = new LogFollower({ reader: quietReader, onEntries, onFault, settings: settings.detection.follow })
    await follower.start()
    closing.push(() => follower.close())
  }
  if (settings.detection.scrub.enabled) {
    await scrubber.start()
    closing.push(() => scrubber.close())
  }

  const subjectKeys = openSubjectKeys({ folder: keys, storage: loadStorageKey(keys) }, 'write', world)
  closing.push(() => subjectKeys?.close())

  const prune: Assembly['prune'] = async (run = {}) => {
    const { archive } = settings.retention
    const started = performance.now()
    const report = await runRetention(
      {
        reader: quietReader,
        remove: writer.remove,
        now,
        archive:
          archive === undefined ? undefined : archiveTo(archive, { reader: quietReader, sign: writer.checkpoint }),
      },
      settings.retention,
      { pauseMs: prunePauseMs, ...run },
    )
    events.emit({ type: 'stored', op: 'prune', ok: true, durationMs: performance.now() - started })
    return report
  }
  if (settings.retention.enabled) {
    const schedule = new Schedule(signal => prune({ signal }), {
      everyMs: settings.retention.everyHours * 3_600_000,
      firstMs: firstPruneMs,
      onFault: error => events.emit({ type: 'fault', where: 'retention', message: String(error) }),
    })
    closing.push(() => schedule.close())
  }
  return {
    ...parts,
    settings,
    openedAt: now(),
    write,
    governance,
    metrics,
    verifier,
    chain,
    trail,
    detector,
    scrubber,
    streams,
    subjectKeys,
    prune,
    close,
  }
}

/** A threshold that was crossed, as something that was noticed. */
function reported({ metricName, thresholdType, thresholdValue, currentValue, severity }: ThresholdCrossing) {
  const description = `${metricName} is ${currentValue}: ${thresholdType} is set to ${thresholdValue}`
  return { type: 'suspicious_pattern', severity, description, component: `metrics/${metricName}` } as const
}
