/** What is done to entries on their way in, as it is set: secrets are taken out unless somebody says otherwise. */
import type { EntryInput } from '../core/entry.ts'
import { prepareEntry } from '../intake/prepare.ts'
import { defaultIntakeSettings } from '../intake/settings.ts'
import type { Cli } from './cli.ts'

/** @throws AuditError `bad_input` for settings that cannot be */
export async function intakeOf(cli: Cli): Promise<(entry: EntryInput) => EntryInput> {
  if (!cli.isConfigured) return prepareEntry(defaultIntakeSettings)
  const { intake } = (await cli.config()).config
  return prepareEntry(intake, intake.hashKey === undefined ? undefined : Buffer.from(intake.hashKey))
}
