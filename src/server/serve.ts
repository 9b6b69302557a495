/**
 * The server's life: it listens, looks after its log, takes new settings, and ends in good order. What it serves is given;
 * it opens nothing itself.
 */
import type { Logger } from 'pino'
import { changeEntry, changesSinceLastRun } from '../config/changes.ts'
import type { ConfigSources, ResolvedConfig } from '../config/resolve.ts'
import { defaultConfig } from '../config/schema.ts'
import { type Applier, watchConfig } from '../config/watch.ts'
import type { WriteControl } from '../core/control.ts'
import type { EventStream } from '../core/events.ts'
import type { Micros } from '../core/time.ts'
import { LogHealth } from '../trail/log-health.ts'
import type { Reader } from '../trail/reader.ts'
import { createApp } from './app.ts'
import { type Listening, listen } from './listen.ts'
import { logEvents } from './logger.ts'

/** An open log and what is built on it, as far as a server needs it. */
export interface ServedSystem {
  readonly file: string
  readonly keys: string
  readonly reader: Pick<Reader, 'status' | 'query'>
  readonly events: EventStream
  readonly control: WriteControl
  /** Microseconds since 1970. */
  readonly now: () => Micros
  /** Entries that were given and are not durable yet. */
  readonly waiting: () => number
  /** Alerts that nobody has resolved, by severity. */
  readonly openAlerts: () => { readonly [severity: string]: number }
  /** The metrics in Prometheus text format. */
  readonly metrics: () => Promise<string>
  /** What else there is to say at `/v1/status`, by part: numbers and names, nothing that is sealed. */
  readonly facts?: () => Promise<Readonly<Record<string, unknown>>>
  /** How its parts take new settings while they run. */
  readonly appliers?: readonly Applier[]
  /** Takes no more entries, commits those that wait, signs the last checkpoint, lets go of the files. */
  close(): Promise<void>
}

export interface ServeOptions {
  readonly resolved: ResolvedConfig
  /** From which the configuration can be read again. */
  readonly sources: ConfigSources
  readonly logger: Logger
}

/** A server that listens. */
export interface RunningServer {
  /** `http://127.0.0.1:7330`. */
  readonly url: string
  /**
   * Ends in good order: not ready any more, no more connections, what waits committed, the last checkpoint signed. Called
   * again, it gives the same promise.
   *
   * @param delayMs how long it still answers, not ready, so that whoever sends requests can notice
   */
  close(delayMs?: number): Promise<void>
}

/** How often the health is looked at when nobody asks, in milliseconds. */
const lookEveryMs = 15_000

/** How long requests that are on the way may take when the server closes, in milliseconds. */
const patienceMs = 5000

/**
 * Serves a system until it is closed.
 *
 * @throws AuditError `io` when the port is taken; the system is still open then
 */
export async function serve(system: ServedSystem, { resolved, sources, logger }: ServeOptions): Promise<RunningServer> {
  const { config } = resolved
  let isDraining = false
  const health = new LogHealth({
    ...system,
    checkpointEveryMs: config.log.checkpoints.everyMs,
    onChange: ({ mode, message, since }, isOver) => {
      if (isOver) logger.info({ mode, since }, 'no longer degraded')
      else logger.error({ mode }, `degraded: ${message}`)
    },
  })
  const unlisten = logEvents(system.events, logger)
  let watch: { readonly needsRestart: readonly string[]; stop(): void } | undefined
  const facts = async () => ({ needsRestart: watch?.needsRestart ?? [], ...(await system.facts?.()) })
  const status = () => system.reader.status()
  const app = createApp({
    health,
    status,
    facts,
    metrics: system.metrics,
    settings: config.server,
    isDraining: () => isDraining,
    logger,
  })
  let listening: Listening
  try {
    listening = await listen(app, config.server)
  } catch (error) {
    unlisten()
    health.close()
    throw error
  }
  await recordStart(system, resolved, sources.env, logger)
  watch = watchConfig({
    sources,
    current: resolved,
    appliers: [
      {
        settings: ['logging.level'],
        apply: ({ logging }) => {
          logger.level = logging.level
        },
      },
      ...(system.appliers ?? []),
    ],
    control: system.control,
    say: sentence => logger.info(sentence),
  })
  const looking = setInterval(() => void health.look().catch(error => logger.error(error.message)), lookEveryMs).unref()

  let closing: Promise<void> | undefined
  const close = async (delayMs: number): Promise<void> => {
    // 1. Not ready any more: whoever sends requests here is told to stop.
    isDraining = true
    watch.stop()
    clearInterval(looking)
    await new Promise(resolve => setTimeout(resolve, delayMs))
    // 2. No more connections; requests that are on the way are answered, unless they take their time.
    const impatience = setTimeout(() => listening.closeNow(), patienceMs)
    await listening.close()
    clearTimeout(impatience)
    // 3. No more entries; those that wait are committed, and the last checkpoint is signed.
    health.close()
    await system.close()
    unlisten()
  }
  return {
    url: listening.url,
    close(delayMs = 0) {
      closing ??= close(delayMs)
      return closing
    },
  }
}

/** What was set anew while nothing ran is a change too. One that cannot be recorded keeps nobody from serving. */
async function recordStart(
  { reader, control }: ServedSystem,
  { config, environment }: ResolvedConfig,
  env: NodeJS.ProcessEnv,
  logger: Logger,
): Promise<void> {
  try {
    const changes = await changesSinceLastRun(reader, config, defaultConfig(environment, env))
    if (changes.length > 0) await control(changeEntry(changes, config, { at: 'start', needsRestart: [] }))
  } catch (error) {
    logger.warn({ name: (error as Error).name }, `changed settings could not be recorded: ${(error as Error).message}`)
  }
}
