/** The settings: their sections, each in a file of its own, and what they are when nobody sets them. */
import { z } from 'zod'
import { defaultAccessSettings } from '../access/settings.ts'
import { defaultKeysFolder, defaultLogFile } from '../append/places.ts'
import { defaultDetectSettings } from '../detect/settings.ts'
import { governanceSettingsFor } from '../governance/settings.ts'
import { defaultIntakeSettings } from '../intake/settings.ts'
import { defaultMetricsSettings } from '../metrics/settings.ts'
import { defaultReportSettings } from '../report/settings.ts'
import { defaultRetentionSettings } from '../retention/settings.ts'
import { accessSection } from './sections/access.ts'
import { detectionSection } from './sections/detection.ts'
import { governanceSection } from './sections/governance.ts'
import { indexSection } from './sections/index-section.ts'
import { intakeSection } from './sections/intake.ts'
import { defaultLogSettings, logSection } from './sections/log.ts'
import { defaultLoggingSettings, loggingSection } from './sections/logging.ts'
import { metricsSection } from './sections/metrics.ts'
import { reportsSection } from './sections/reports.ts'
import { defaultErasureSection, erasureSection, retentionSection } from './sections/retention.ts'
import { defaultServerSettings, serverSection } from './sections/server.ts'
import { streamsSection } from './sections/streams.ts'

export const environments = ['development', 'testing', 'production'] as const
export type Environment = (typeof environments)[number]

export const configSchema = z.strictObject({
  log: logSection.describe('Where the log is, and how entries go in.'),
  index: indexSection.describe('How the index beside the log is kept.'),
  intake: intakeSection.describe('What is taken out of entries on their way in, and how they are classified.'),
  governance: governanceSection.describe('What memories may be like, and what happens when one is not.'),
  metrics: metricsSection.describe('What is measured, and when somebody is told.'),
  detection: detectionSection.describe('What is watched for, who is told, and what is done about it.'),
  retention: retentionSection.describe('How long content is kept.'),
  erasure: erasureSection.describe('Whom an entry is about.'),
  access: accessSection.describe('Who may do what with the log.'),
  reports: reportsSection.describe('What reports show, and when they recommend something.'),
  streams: streamsSection.describe('Where entries are sent as they come.'),
  server: serverSection.describe('The HTTP server.'),
  logging: loggingSection.describe('The server’s own log: JSON lines on stderr.'),
})

/** Every setting, with a value. */
export type Config = z.infer<typeof configSchema>

type DeepReadonly<T> = T extends object ? { readonly [K in keyof T]: DeepReadonly<T[K]> } : T

/** What holds in an environment when nobody sets anything. On another machine, the log may be elsewhere. */
export function defaultConfig(environment: Environment, env: NodeJS.ProcessEnv): DeepReadonly<Config> {
  return {
    log: { file: defaultLogFile(env), keys: defaultKeysFolder(env), ...defaultLogSettings },
    index: {},
    intake: defaultIntakeSettings,
    governance: governanceSettingsFor(environment),
    metrics: defaultMetricsSettings,
    detection: defaultDetectSettings,
    retention: defaultRetentionSettings,
    erasure: defaultErasureSection,
    access: defaultAccessSettings,
    reports: defaultReportSettings,
    streams: [],
    server: defaultServerSettings,
    logging: defaultLoggingSettings,
  }
}
