/** A configuration with the periods and levels of some frameworks, for whoever begins a log under them. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { AuditError } from '../core/errors.ts'
import { type Framework, type FrameworkId, frameworks, presetOf } from '../retention/frameworks.ts'
import type { Cli } from './cli.ts'
import { writeAtomically } from './files.ts'

/** @throws AuditError `already_exists` when there is a configuration here: it is not changed */
export function presetFile(cli: Cli): string {
  const file = resolve(cli.configSources.cwd, 'memmimic-audit.yaml')
  if (existsSync(file)) {
    throw new AuditError('already_exists', `${file} is there already: set its retention yourself; nothing was changed`)
  }
  return file
}

/** What the frameworks ask for: the longest of their periods, and at least their levels. */
export async function writePreset(file: string, cli: Cli, ids: readonly FrameworkId[]): Promise<void> {
  const { configFileText } = await import('../config/printed.ts')
  const chosen: readonly Framework[] = ids.map(id => frameworks[id])
  const settings = {
    log: { file: cli.file, keys: cli.keys },
    retention: presetOf(ids),
    intake: {
      classification: { rules: chosen.flatMap(({ levels }) => levels) },
      ...(ids.includes('pci') ? { redaction: { detectors: { card_number: 'mask' } } } : {}),
    },
  }
  const published = new URL('../../schemas/config.schema.json', import.meta.url).href
  const sources = chosen.map(({ title, says, source, url }) => `# ${title}: ${says}\n#   ${source}, ${url}\n`)
  await writeAtomically(file, async write => write(`${configFileText(settings, published)}\n${sources.join('')}`))
}
