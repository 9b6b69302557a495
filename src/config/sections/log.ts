import { z } from 'zod'
import { defaultMaxValueBytes } from '../../core/capture.ts'
import { filePath } from '../shape.ts'

/** Where the log is, and how entries go in. */
export const logSection = z.strictObject({
  file: filePath().describe('The log; below the XDG data folder unless given. Also MEMMIMIC_AUDIT_LOG.'),
  keys: filePath().describe(
    'The folder of its keys; below the XDG config folder unless given. Also MEMMIMIC_AUDIT_KEYS.',
  ),
  origin: z.string().min(1).max(200).describe('The name of a log that is made now.').optional(),
  encryption: z.enum(['sqlcipher', 'none']).describe('How the file of a log that is made now is encrypted.'),
  checkpoints: z
    .strictObject({
      everyEntries: z.int().min(1).describe('Sign when so many entries came since the last checkpoint.'),
      everyMs: z.int().min(100).describe('Sign when entries have waited so long, in milliseconds.'),
    })
    .describe('When checkpoints are signed, besides at close.'),
  onFailure: z
    .enum(['refuse', 'spill'])
    .describe('When the log cannot be written: refuse the entry, or keep it in an encrypted journal beside the log.'),
  maxValueBytes: z.int().min(1).describe('Bytes of JSON that one sealed value may have.'),
  maxWaiting: z.int().min(1).describe('Entries that may wait at once; whoever comes then is refused with busy.'),
})

export type LogSettings = z.infer<typeof logSection>

/** `file` and `keys` depend on the machine. */
export const defaultLogSettings: Omit<LogSettings, 'file' | 'keys'> = {
  encryption: 'sqlcipher',
  checkpoints: { everyEntries: 10_000, everyMs: 60_000 },
  onFailure: 'refuse',
  maxValueBytes: defaultMaxValueBytes,
  maxWaiting: 100_000,
}
