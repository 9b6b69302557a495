import { z } from 'zod'
import type { IndexSettings } from '../../trail/reader.ts'

/** How the index beside the log is kept. */
export const indexSection = z.strictObject({
  text: z
    .boolean()
    .describe('Whether texts are indexed too. As the index is, unless given; another one than that is built anew.')
    .optional(),
}) satisfies z.ZodType<IndexSettings>
