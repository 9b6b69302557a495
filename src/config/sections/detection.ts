import { z } from 'zod'
import { nearest } from '../../core/capture.ts'
import { findingTypes, severities } from '../../core/finding.ts'
import type {
  BehaviourSettings,
  CountedBehaviour,
  DetectSettings,
  FollowSettings,
  ResponseRule,
  ScrubSettings,
  SinkSettings,
  TamperPattern,
} from '../../detect/settings.ts'
import { secret } from '../shape.ts'
import { demandUniqueNames } from './unique-names.ts'

const findingType = z.enum(findingTypes)
const severity = z.enum(severities)
const threshold = z.int().min(1).max(10_000)
const windowSeconds = z.int().min(1).max(2_592_000).describe('Seconds in which they must come.')
const escalation = z.number().min(1).max(100).describe('Above threshold × escalation the severity is one step higher.')
const words = z.array(z.string().min(1))
const command = z.array(z.string()).min(1).describe('The program, then its arguments; there is no shell.')

const pattern = z.strictObject({
  enabled: z.boolean().optional(),
  types: z.array(findingType).min(1),
  threshold: threshold.describe('Events that make the pattern.'),
  windowSeconds,
  severity,
  grouping: z.enum(['all', 'component', 'entry']).describe('Which events count together.'),
  escalation,
}) satisfies z.ZodType<TamperPattern>

const counted = z.strictObject({
  enabled: z.boolean(),
  threshold: threshold.describe('How many are remarkable.'),
  windowSeconds,
  severity,
  escalation,
}) satisfies z.ZodType<CountedBehaviour>

const behaviours = z.strictObject({
  words: z
    .strictObject({ delete: words, read: words, write: words })
    .describe('Words in the name of an operation or tool that say what it does. The first word that is known decides.'),
  deleteBurst: counted.describe('One actor deletes much in a short time.'),
  toolChanged: z
    .strictObject({ enabled: z.boolean(), severity })
    .describe('A tool is not what it was when it was listed or called last.'),
  readVolume: z
    .strictObject({
      enabled: z.boolean(),
      windowSeconds: z.int().min(1).max(2_592_000).describe('Seconds that are counted together.'),
      atLeast: z.int().min(1).describe('Fewer reads than this in a window are never remarkable.'),
      factor: z.number().gt(1).describe('How many times its usual number of reads an actor must reach.'),
      severity,
    })
    .describe('One actor reads far more than it used to.'),
  failuresThenSuccess: z
    .strictObject({
      enabled: z.boolean(),
      threshold: z.int().min(2).max(1000).describe('Failures in a row.'),
      windowSeconds,
      severity,
      ignoredErrors: words.describe('Values of error.type that say nothing about the actor.'),
    })
    .describe('After failing again and again, one actor succeeds with the same thing.'),
  deniedAttempts: counted
    .extend({ ignoredOperations: words.describe('Operations in which a refusal is a person’s answer.') })
    .describe('One actor is refused again and again.'),
  memoryCrossing: counted.describe('Memories written for one person are used for another soon after.'),
}) satisfies z.ZodType<BehaviourSettings>

const told = {
  name: z.string().min(1).max(64),
  minSeverity: severity.describe('Alerts below are not sent; info, that is all, unless given.').optional(),
  on: z
    .array(z.enum(['raised', 'escalated', 'reopened', 'acknowledged', 'resolved']))
    .describe('Of which steps of an alert it is told; raised, escalated and reopened unless given.')
    .optional(),
}
const timeoutMs = z.int().min(100).max(3_600_000).describe('10 000 unless given.').optional()

const sink = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('log'), ...told }),
  z.strictObject({
    type: z.literal('webhook'),
    ...told,
    url: z.url({ protocol: /^https?$/, error: 'must be an http or https URL' }),
    secret: secret(z.string().min(16)).describe('Signs what is sent, as in Standard Webhooks.').optional(),
    headers: z.record(z.string(), secret(z.string())).optional(),
    timeoutMs,
    attempts: z.int().min(1).max(100).optional(),
    retryMs: z.int().min(1).optional(),
    maxWaiting: z.int().min(1).optional(),
  }),
  z.strictObject({ type: z.literal('command'), ...told, command, timeoutMs, maxWaiting: z.int().min(1).optional() }),
]) satisfies z.ZodType<SinkSettings>

const when = {
  name: z.string().min(1).max(64),
  minSeverity: severity,
  types: z.array(findingType).min(1).describe('Types of alert; all unless given.').optional(),
}

const response = z.discriminatedUnion('action', [
  z
    .strictObject({ ...when, action: z.literal('freeze') })
    .describe('The log takes no more entries but those about itself.'),
  z
    .strictObject({ ...when, action: z.literal('pace'), forMs: z.int().min(1000) })
    .describe('The log is checked faster.'),
  z.strictObject({ ...when, action: z.literal('command'), command, timeoutMs }),
  z.strictObject({ ...when, action: z.literal('notify'), sinks: z.array(z.string().min(1)).min(1) }),
]) satisfies z.ZodType<ResponseRule>

/** What is watched for, who is told, and what is done about it. */
export const detectionSection = z
  .strictObject({
    patterns: z
      .record(z.string().min(1).max(64), pattern)
      .describe('By name; the built-in ones too. null takes one away.'),
    behaviours,
    deduplication: z
      .strictObject({
        windowMs: z.int().min(1000).describe('What comes again within this time belongs to the same alert.'),
        alertsPerWindow: z.int().min(1).describe('Alerts of one kind before the next ones are counted into the last.'),
        reopenAfterMs: z.int().min(0).describe('How long a resolved finding may still be found as it was.'),
      })
      .describe('How a flood becomes one alert with a count.'),
    retention: z
      .strictObject({
        resolvedDays: z
          .number()
          .gt(0)
          .describe('Days after which a resolved alert leaves the memory; the log keeps it.'),
        maxAlerts: z.int().min(1),
        maxEvents: z.int().min(1),
      })
      .describe('What is kept in memory.'),
    sinks: z.array(sink).describe('Who is told of alerts.'),
    responses: z.array(response).describe('What is done by itself.'),
    scrub: z
      .strictObject({
        enabled: z.boolean(),
        passMs: z.int().min(1000).describe('How long one pass over the whole log may take.'),
        everyMs: z.int().min(10).describe('The longest wait between two stretches.'),
        maxShare: z.number().gt(0).max(1).describe('The part of one core that may be used.'),
      })
      .describe('The check in the background.') satisfies z.ZodType<ScrubSettings>,
    follow: z
      .strictObject({ pollMs: z.int().min(10) })
      .describe('How entries of other processes are noticed.') satisfies z.ZodType<FollowSettings>,
  })
  .superRefine(({ sinks, responses }, context) => {
    demandUniqueNames(sinks, context, ['sinks'])
    demandUniqueNames(responses, context, ['responses'])
    const names = new Set(sinks.map(({ name }) => name))
    for (const [i, response] of responses.entries()) {
      if (response.action !== 'notify') continue
      for (const [k, name] of response.sinks.entries()) {
        if (names.has(name)) continue
        const near = nearest(name, names)
        const hint = near === undefined ? '' : `; did you mean ${near}?`
        context.addIssue({ code: 'custom', path: ['responses', i, 'sinks', k], message: `names no sink${hint}` })
      }
    }
  }) satisfies z.ZodType<DetectSettings>
