import { z } from 'zod'

const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const

/** The server's own log: JSON lines on stderr. */
export const loggingSection = z.strictObject({
  level: z.enum(levels).describe('The least that is logged. Also LOG_LEVEL.'),
})

export type LoggingSettings = z.infer<typeof loggingSection>

export const defaultLoggingSettings: LoggingSettings = { level: 'info' }
