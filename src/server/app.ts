/** The HTTP interface as a value: it can be asked without a port. */
import { isIP } from 'node:net'
import { type Context, Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import type { Logger } from 'pino'
import type { ServerSettings } from '../config/sections/server.ts'
import { formatPrometheus, prometheusContentType } from '../metrics/prometheus.ts'
import type { LogHealth } from '../trail/log-health.ts'
import type { LogStatus } from '../trail/reader.ts'
import { isReady, livez, readyz } from './health.ts'
import { checkpointAgeFamily, degradedFamily, readyFamily } from './own-metrics.ts'
import { problem, problemOf } from './problem.ts'

/** What is served. */
export interface AppParts {
  readonly health: Pick<LogHealth, 'look'>
  readonly status: () => Promise<LogStatus>
  /** The metrics in Prometheus text format. */
  readonly metrics: () => Promise<string>
  /** What else there is to say at `/v1/status`, by part: numbers and names, nothing that is sealed. */
  readonly facts?: () => Promise<Readonly<Record<string, unknown>>>
  readonly settings: ServerSettings
  /** Whether the process is about to end: then it is not ready, whatever its parts say. */
  readonly isDraining: () => boolean
  readonly logger: Logger
}

/**
 * The app: `/livez`, `/readyz`, `/healthz`, `/metrics` and `/v1/status`, for GET and HEAD.
 *
 * @example (await createApp(parts).request('/readyz?verbose')).status // 200 or 503
 */
export function createApp(parts: AppParts): Hono {
  const { health, settings, isDraining, logger } = parts
  const app = new Hono()
  app.use(requestLog(logger))
  app.use(
    secureHeaders({
      contentSecurityPolicy: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      xFrameOptions: 'DENY',
      // It speaks plain HTTP; whoever puts TLS before it says this for it.
      strictTransportSecurity: false,
    }),
  )
  app.use(async (c, next) => {
    await next()
    c.header('cache-control', 'no-store')
  })
  app.use(hostCheck(settings))
  app.use(bodyCheck(settings))

  const ready = async (c: Context) => readyz(await health.look(), asked(c), settings.notReadyWhen, isDraining())
  const routes: Record<string, (c: Context) => Promise<Response>> = {
    '/livez': async c => livez(await health.look(), asked(c)),
    '/readyz': ready,
    // The older name of the same.
    '/healthz': ready,
    '/metrics': async c => {
      const [metrics, report] = await Promise.all([parts.metrics(), health.look()])
      c.header('content-type', prometheusContentType)
      const isUp = isReady(report, settings.notReadyWhen, isDraining())
      const age = checkpointAgeFamily(report.log.checkpointAgeSeconds)
      return c.body(`${metrics}\n${formatPrometheus([age, degradedFamily(report.degraded), readyFamily(isUp)])}`)
    },
    '/v1/status': async c => {
      const { time, alive, log, ...report } = await health.look()
      const [status, facts] = await Promise.all([parts.status().catch(() => undefined), parts.facts?.()])
      const isUp = isReady(report, settings.notReadyWhen, isDraining())
      return c.json({
        time,
        ready: isUp,
        draining: isDraining(),
        alive,
        log: { ...status, ...log },
        ...report,
        ...facts,
      })
    },
  }
  for (const [path, answer] of Object.entries(routes)) {
    app.get(path, answer)
    app.all(path, () => problem({ status: 405, title: 'Method Not Allowed' }, { allow: 'GET, HEAD' }))
  }
  app.notFound(() => problem({ status: 404, title: 'Not Found' }))
  app.onError(error => {
    logger.error({ name: error.name, code: (error as { code?: unknown }).code }, error.message)
    return problemOf(error)
  })
  return app
}

/** What a probe asks for: `?verbose`, and `?exclude=` once or more, or with commas. */
function asked(c: Context): { verbose: boolean; exclude: readonly string[] } {
  const exclude = (c.req.queries('exclude') ?? []).flatMap(names => names.split(',')).filter(name => name !== '')
  return { verbose: c.req.query('verbose') !== undefined, exclude }
}

/**
 * Refuses to be asked for under a strange name: a page in a browser could otherwise have its own name lead here (DNS
 * rebinding). An address is no name, and cannot be made to lead elsewhere.
 */
function hostCheck({ allowedHosts }: ServerSettings) {
  const names = new Set(['localhost', ...allowedHosts.map(name => name.toLowerCase())])
  return async (c: Context, next: () => Promise<void>) => {
    const name = hostOf(c)
    if (name !== undefined && (names.has(name) || isIP(name.replace(/^\[(.*)\]$/, '$1')) !== 0)) return await next()
    return problem({
      status: 421,
      title: 'Misdirected Request',
      detail: 'this name is not one of the server’s: add it to server.allowedHosts if it is',
    })
  }
}

function hostOf(c: Context): string | undefined {
  const url = URL.parse(c.req.header('host') === undefined ? c.req.url : `http://${c.req.header('host')}`)
  return url?.hostname
}

/** A body says how long it is, and is not longer than allowed. */
function bodyCheck({ maxBodyBytes }: ServerSettings) {
  return async (c: Context, next: () => Promise<void>) => {
    if (c.req.header('transfer-encoding') !== undefined) return problem({ status: 411, title: 'Length Required' })
    if (Number(c.req.header('content-length') ?? 0) <= maxBodyBytes) return await next()
    return problem({ status: 413, title: 'Content Too Large', detail: `at most ${maxBodyBytes} bytes` })
  }
}

/** Probes come every few seconds, and are not worth a line each while all is well. */
const quiet = new Set(['/livez', '/readyz', '/healthz', '/metrics'])

/** A line for each request: never a value out of its query, which may be anything. */
function requestLog(logger: Logger) {
  return async (c: Context, next: () => Promise<void>) => {
    const started = performance.now()
    await next()
    const { method, path } = c.req
    const { status } = c.res
    const query = Object.keys(c.req.query())
    const facts = { method, path, ...(query.length > 0 && { query }), status, durationMs: performance.now() - started }
    logger[status >= 500 ? 'warn' : quiet.has(path) ? 'debug' : 'info'](facts, 'request')
  }
}
