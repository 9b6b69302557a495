import { z } from 'zod'
import type { ReceiverSettings, StreamSettings, TlsSettings } from '../../streams/settings.ts'
import { filePath, secret } from '../shape.ts'
import { filterSchema } from './filter.ts'
import { demandUniqueNames } from './unique-names.ts'

const url = z.url({ protocol: /^https?$/, error: 'must be an http or https URL' })
const headers = z.record(z.string(), secret(z.string())).describe('Secrets belong in here, such as authorization.')

const tls = z.strictObject({
  caFile: filePath()
    .describe('The authorities that are believed, as PEM; those of the system unless given.')
    .optional(),
  certFile: filePath().optional(),
  keyFile: filePath().optional(),
  serverName: z.string().min(1).optional(),
}) satisfies z.ZodType<TlsSettings>

const receiver = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('syslog'),
    host: z.string().min(1),
    port: z.int().min(1).max(65_535).describe('601 over TCP, 6514 over TLS, unless given.').optional(),
    tls: tls.optional(),
    message: z.enum(['structured', 'cef']).optional(),
    facility: z.int().min(0).max(23).optional(),
    hostname: z.string().min(1).optional(),
    enterprise: z.int().min(1).optional(),
    confirm: z.enum(['close', 'written']).describe('When a batch counts as received.').optional(),
  }),
  z.strictObject({
    type: z.literal('http'),
    url,
    body: z.enum(['lines', 'array']).optional(),
    item: z.enum(['entry', 'ocsf']).optional(),
    headers: headers.optional(),
    tls: tls.optional(),
  }),
  z.strictObject({
    type: z.literal('otlp'),
    url,
    headers: headers.optional(),
    tls: tls.optional(),
    serviceName: z.string().min(1).optional(),
  }),
]) satisfies z.ZodType<ReceiverSettings>

const stream = z.strictObject({
  name: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'must be 1–64 letters, digits, dots, underscores or dashes')
    .describe('Names the stream and its place in the log.'),
  to: receiver,
  filter: filterSchema.describe('Which entries; all of them unless given.').optional(),
  disclose: z.boolean().describe('Whether sealed values leave too; false unless given.').optional(),
  batchEntries: z.int().min(1).max(10_000).optional(),
  batchBytes: z.int().min(1).optional(),
  pollMs: z.int().min(10).optional(),
  timeoutMs: z.int().min(100).optional(),
  retryMs: z.int().min(10).optional(),
  maxRetryMs: z.int().min(10).optional(),
  onRefused: z
    .enum(['hold', 'skip'])
    .describe('What happens to an entry that the receiver refuses for what it is.')
    .optional(),
}) satisfies z.ZodType<StreamSettings>

/** Where entries are sent as they come. */
export const streamsSection = z.array(stream).superRefine((streams, context) => demandUniqueNames(streams, context))
