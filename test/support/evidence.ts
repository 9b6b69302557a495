/** What a test has done, in numbers, for the page of promises: one small file each, in a folder that is not kept. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Where the numbers of the last run lie. */
export const evidenceFolder = join(import.meta.dirname, '../../.evidence')

export function recordEvidence(name: string, facts: { readonly [fact: string]: number | string }): void {
  mkdirSync(evidenceFolder, { recursive: true })
  writeFileSync(join(evidenceFolder, `${name}.json`), `${JSON.stringify(facts, undefined, 2)}\n`)
}
