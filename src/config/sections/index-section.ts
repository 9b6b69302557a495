import { z } from 'zod'

/** What is derived from the log to answer questions. */
export const indexSection = z.strictObject({
  text: z
    .boolean()
    .describe('Whether the texts of entries are indexed too; without, a search for words reads them all.'),
})

export type IndexSettings = z.infer<typeof indexSection>

export const defaultIndexSettings: IndexSettings = { text: true }
