/** How a server ends when it is told to: once in good order, twice at once, and never later than it may. */
import { constants } from 'node:os'
import type { Logger } from 'pino'
import type { ServerSettings } from '../config/sections/server.ts'
import type { RunningServer } from './serve.ts'

/**
 * Serves until SIGTERM or SIGINT, then closes.
 *
 * @returns the exit code: 0 when everything was closed in good order
 */
export async function untilToldToEnd(server: RunningServer, settings: ServerSettings, logger: Logger): Promise<0 | 1> {
  const signal = await new Promise<NodeJS.Signals>(resolve => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  const again = (second: NodeJS.Signals) => process.exit(128 + constants.signals[second])
  process.on('SIGTERM', again)
  process.on('SIGINT', again)
  logger.info({ signal }, 'closing')

  const tooLate = Promise.withResolvers<0 | 1>()
  const timer = setTimeout(() => {
    logger.error({ afterMs: settings.shutdownMs }, 'not closed in time: the process ends as it is')
    tooLate.resolve(1)
  }, settings.shutdownMs)
  // A person who presses Ctrl-C waits for nobody to notice.
  const closed: Promise<0 | 1> = server.close(signal === 'SIGTERM' ? settings.drainDelayMs : 0).then(
    () => {
      logger.info('closed')
      return 0
    },
    (error: Error) => {
      logger.error({ name: error.name }, `not closed in good order: ${error.message}`)
      return 1
    },
  )
  const code = await Promise.race([closed, tooLate.promise])
  clearTimeout(timer)
  process.off('SIGTERM', again)
  process.off('SIGINT', again)
  return code
}
