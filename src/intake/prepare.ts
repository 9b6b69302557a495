/** What is done to each entry on its way in, before it is captured. */
import type { EntryInput } from '../core/entry.ts'
import { classifier } from './classification.ts'
import { redactor } from './redaction.ts'
import type { IntakeSettings } from './settings.ts'

/**
 * Classifies an entry, by what it holds, and then takes out of it what must not be kept. For `openAuditLog({ prepare })`.
 *
 * @param key for the redaction's action `hash`: at least 16 bytes
 * @throws AuditError `bad_input` when a setting is not well formed, or the key is missing
 * @example
 * await using log = await openAuditLog({ file, keys, prepare: prepareEntry(defaultIntakeSettings) })
 */
export function prepareEntry(settings: IntakeSettings, key?: Uint8Array): (entry: EntryInput) => EntryInput {
  const classify = classifier(settings.classification)
  const redact = redactor(settings.redaction, key)
  return entry => redact(classify(entry))
}
