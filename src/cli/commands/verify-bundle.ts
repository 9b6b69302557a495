import { type BundleReport, verifyBundle } from '../../export/verify-bundle.ts'
import { CliError, exitCodes } from '../failure.ts'
import { openInput } from '../input.ts'

/** A check of a bundle, with no log and no keys at hand. */
export async function judgeBundle(file: string, known: { anchors: string[]; vkeys: string[] }): Promise<BundleReport> {
  const report = await verifyBundle(openInput(file, exitCodes.cannotTell), { ...known, clock: () => performance.now() })
  // A file that says nothing of a log says nothing against one either, unless somebody knows better.
  if (report.format === '' && known.anchors.length + known.vkeys.length === 0) {
    throw new CliError(exitCodes.cannotTell, `${file} is no bundle: ${report.findings[0]?.message}`)
  }
  return report
}
