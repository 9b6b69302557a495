/** Test material that others made, beside the repository: what it is stands in its README. Absent, its tests are skipped. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe } from 'vitest'

const vectors = path.resolve(import.meta.dirname, '../../../shared/vectors')

const found = existsSync(vectors)
if (!found) console.warn(`skipped: the tests with vectors of others, because ${vectors} is not there`)

/** `describe` for tests that need the vectors. */
export const describeVectors = describe.skipIf(!found)

/** The text of a vector file. */
export function readVector(name: string): string {
  return readFileSync(path.join(vectors, name), 'utf8')
}

/** The lines of a JSONL vector file, with integers beyond 2^53−1 as BigInt. */
export function readVectorLines<T>(name: string): T[] {
  return readVector(name)
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line, exactInteger) as T)
}

function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' && !Number.isSafeInteger(value) ? BigInt(context!.source!) : value
}

/** Unpacks an archive into a directory that goes when the tests of the calling file have run. */
export function unpackVector(name: string): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'vector-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  execFileSync('tar', ['-xzf', path.join(vectors, name), '-C', directory])
  return directory
}
