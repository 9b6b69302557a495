import { z } from 'zod'
import { degradedModes } from '../../trail/degraded.ts'

/** The HTTP server. */
export const serverSection = z
  .strictObject({
    host: z.string().min(1).describe('The address that it listens on.'),
    port: z.int().min(0).max(65_535).describe('0 takes any that is free. Also PORT.'),
    allowRemote: z
      .boolean()
      .describe('Whether it may listen beyond this machine. Whoever reaches it sees health, status and metrics.'),
    allowedHosts: z
      .array(z.string().min(1))
      .describe(
        'Names under which it may be asked for, besides localhost and addresses: the defence against DNS rebinding.',
      ),
    maxBodyBytes: z.int().min(0).describe('Bytes that the body of a request may have.'),
    notReadyWhen: z
      .array(z.enum(degradedModes))
      .describe('The degraded modes in which /readyz says 503. Liveness never depends on them.'),
    drainDelayMs: z
      .int()
      .min(0)
      .max(20_000)
      .describe('After SIGTERM: how long /readyz says 503 before no more connections are taken.'),
    shutdownMs: z.int().min(1000).describe('After SIGTERM: when the process ends at the latest.'),
  })
  .refine(({ host, allowRemote }) => allowRemote || isLoopback(host), {
    path: ['host'],
    error: 'can be reached from other machines: set server.allowRemote to true if that is meant',
  })

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

export type ServerSettings = z.infer<typeof serverSection>

export const defaultServerSettings: ServerSettings = {
  host: '127.0.0.1',
  port: 7330,
  allowRemote: false,
  allowedHosts: [],
  maxBodyBytes: 1024 * 1024,
  notReadyWhen: ['read_only_disk', 'full_disk', 'lost_key', 'frozen'],
  drainDelayMs: 1000,
  shutdownMs: 30_000,
}
