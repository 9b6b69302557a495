/** What a check says of a log that lies somewhere, whatever became of its file. */
import { loadPublicKeys, loadStorageKey } from '../append/keys.ts'
import { anchorFile } from '../append/places.ts'
import { readPrivateFile } from '../append/private-file.ts'
import type { FindingType, VerificationReport } from '../core/finding.ts'
import { openSqliteStore } from '../store/sqlite.ts'
import { reportUnreadable } from '../trail/unreadable.ts'
import { type VerifyOptions, verifyLog } from '../verify/log-verifier.ts'
import { type Came, Escape, foundIn, type Label, labels } from './move.ts'
import type { LogPlace } from './sample-log.ts'
import { type Scene, withSubjects } from './scene.ts'

/** @returns `undefined` when the file cannot be opened, and nothing that is at hand knows better */
export async function judge(place: LogPlace, known: VerifyOptions): Promise<VerificationReport | undefined> {
  try {
    const store = openSqliteStore({ file: place.file, key: loadStorageKey(place.keys), mode: 'read' })
    const log = withSubjects(store, place.keys)
    try {
      return await verifyLog(log, known)
    } finally {
      await log.close()
    }
  } catch (error) {
    const { verifiers, anchors = [] } = known
    return verifiers === undefined ? undefined : reportUnreadable(place.file, error, { keys: place.keys, anchors })
  }
}

/** Asks with more and more at hand until one of these is found. */
export async function findIn(scene: Scene, place: LogPlace, found: readonly FindingType[], from: Label): Promise<Came> {
  const seen: string[] = []
  for (const label of labels.slice(0, labels.indexOf(from) + 1)) {
    const report = await judge(place, scene.knownAt(label))
    seen.push(`${label}: ${report === undefined ? 'it cannot be told' : foundIn(report)}`)
    const finding = report?.findings.find(({ type }) => found.includes(type))
    if (finding !== undefined) return { by: finding.type, trust: label, ...seqOf(report!.firstUntrusted) }
  }
  throw new Escape(`${found.join(' or ')} was not found (${seen.join('; ')})`)
}

const seqOf = (seq: number | undefined) => (seq === undefined ? {} : { seq })

/**
 * Sees that nothing is found in a log to which nothing was done but on record.
 *
 * @returns the report with everything at hand
 */
export async function findNothing(scene: Scene, place: LogPlace): Promise<VerificationReport> {
  const remembered = { anchors: [readPrivateFile(anchorFile(place.keys)) ?? ''], keptElsewhere: [scene.anchor] }
  const { verifiers } = loadPublicKeys(place.keys)
  let report: VerificationReport | undefined
  for (const label of labels) {
    const known = {
      ...(label === 'chained' ? {} : { verifiers, sealKey: scene.sealKey }),
      ...(label === 'anchored' ? remembered : {}),
    }
    report = await judge(place, known)
    if (report === undefined) throw new Escape('the log cannot be opened any more')
    const [finding] = report.findings
    if (finding !== undefined) throw new Escape(`${label}: ${finding.message}`, { falseAlarm: true })
  }
  return report!
}
