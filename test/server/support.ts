/** The app over a real log, asked without a port. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hono } from 'hono'
import { onTestFinished } from 'vitest'
import { type Assembly, assemble } from '../../src/assembly.ts'
import { resolveConfig } from '../../src/config/resolve.ts'
import { type Config, defaultConfig } from '../../src/config/schema.ts'
import { type AppParts, createApp } from '../../src/server/app.ts'
import { createLogger, logEvents } from '../../src/server/logger.ts'
import { servedAssembly } from '../../src/server/served-assembly.ts'
import { LogHealth } from '../../src/trail/log-health.ts'

export interface Served extends Assembly {
  readonly app: Hono
  readonly folder: string
  readonly config: Config
  readonly health: LogHealth
  /** The lines of the server's log. */
  readonly logged: Record<string, unknown>[]
  drain(): void
  /** Status and body of a GET. */
  get(path: string): Promise<[status: number, body: string]>
}

export async function makeServed(
  options: Partial<AppParts> & { level?: Config['logging']['level'] } = {},
): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'memmimic-server-'))
  const env = { MEMMIMIC_AUDIT_LOG: join(folder, 'audit.db'), MEMMIMIC_AUDIT_KEYS: join(folder, 'keys') }
  const { config } = resolveConfig({ env, cwd: folder, readFile: () => undefined })
  const { detection } = config
  const parts = await assemble({
    ...config.log,
    threads: false,
    closeOnExit: false,
    onCreate: () => {},
    settings: { detection: { ...detection, scrub: { ...detection.scrub, enabled: false } } },
  })
  const system = servedAssembly(parts)
  const logged: Record<string, unknown>[] = []
  const logger = createLogger({ level: options.level ?? 'trace' }, { write: line => logged.push(JSON.parse(line)) })
  const unlisten = logEvents(parts.events, logger)
  const health = new LogHealth({ ...system, freshMs: 0 })
  let isDraining = false
  const app = createApp({
    health,
    status: () => system.reader.status(),
    metrics: system.metrics,
    settings: defaultConfig('production', {}).server as Config['server'],
    isDraining: () => isDraining,
    logger,
    ...options,
  })
  onTestFinished(async () => {
    unlisten()
    health.close()
    await system.close()
    rmSync(folder, { recursive: true })
  })
  return {
    ...parts,
    app,
    folder,
    config,
    health,
    logged,
    drain() {
      isDraining = true
    },
    async get(path) {
      const response = await app.request(path)
      return [response.status, await response.text()]
    },
  }
}
