/** The packages of OpenTelemetry that a program brings along, when it wants to speak it. */
import { AuditError } from '../../core/errors.ts'

/** As much of `@opentelemetry/api` as is used. From 1.10 on, `logs` is in it. */
type Api = Omit<typeof import('@opentelemetry/api'), 'logs'>

export interface LoggerProvider {
  getLogger(name: string, version?: string): Logger
}

export interface Logger {
  emit(record: {
    readonly eventName: string
    readonly timestamp: [seconds: number, nanoseconds: number]
    readonly severityNumber: number
    readonly severityText: string
    readonly attributes: Record<string, string | number | boolean | string[]>
    readonly context: ReturnType<Api['context']['active']>
  }): void
}

export function openTelemetryApi(): Promise<Api> {
  return optionalPeer('@opentelemetry/api', () => import('@opentelemetry/api'))
}

/** The global logger provider: of `@opentelemetry/api` since 1.10, of `@opentelemetry/api-logs` before. */
export async function globalLoggerProvider(api: Api): Promise<LoggerProvider> {
  const { logs } =
    'logs' in api
      ? (api as typeof import('@opentelemetry/api'))
      : await optionalPeer('@opentelemetry/api-logs', () => import('@opentelemetry/api-logs'))
  return logs.getLoggerProvider()
}

/**
 * An optional package.
 *
 * @throws AuditError `not_found`, saying what to install, when it is not there
 */
export async function optionalPeer<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load()
  } catch (cause) {
    if ((cause as { code?: unknown }).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new AuditError('not_found', `the package ${name} is not installed: npm install ${name}`, { cause })
  }
}
