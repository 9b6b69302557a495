import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import type { ExitCode } from '../failure.ts'
import { type Act, integer } from '../flags.ts'

interface Options {
  readonly host?: string
  readonly port?: number
}

export function registerServe(program: Command, act: Act): void {
  program
    .command('serve')
    .description('keep the log open, and serve its health, status and metrics over HTTP')
    .option('--host <address>', 'where to listen; 127.0.0.1 unless set otherwise')
    .option('--port <number>', 'on which port; 7330 unless set otherwise', integer())
    .action(act(serveLog))
}

async function serveLog(cli: Cli, { host, port }: Options): Promise<ExitCode> {
  const [{ openServed }, { serve }, { createLogger }, { untilToldToEnd }] = await Promise.all([
    import('../../server/served-assembly.ts'),
    import('../../server/serve.ts'),
    import('../../server/logger.ts'),
    import('../../server/signals.ts'),
  ])
  const flags = [
    ...(host === undefined ? [] : [{ name: '--host', path: ['server', 'host'], value: host }]),
    ...(port === undefined ? [] : [{ name: '--port', path: ['server', 'port'], value: port }]),
  ]
  const resolved = await cli.config(flags)
  const { config } = resolved
  const logger = createLogger(config.logging)
  const system = await openServed(config, logger)
  const sources = { ...cli.configSources, flags: [...(cli.configSources.flags ?? []), ...flags] }
  let server: Awaited<ReturnType<typeof serve>>
  try {
    server = await serve(system, { resolved, sources, logger })
  } catch (error) {
    await system.close()
    throw error
  }
  logger.info({ url: server.url, log: config.log.file }, 'listening')
  cli.say(`the log ${config.log.file} is open; see ${server.url}/v1/status, or ask it: memmimic-audit query`)
  return await untilToldToEnd(server, config.server, logger)
}
