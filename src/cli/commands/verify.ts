import type { Command } from 'commander'
import { anchorFile } from '../../append/places.ts'
import { readPrivateFile } from '../../append/private-file.ts'
import { AuditError } from '../../core/errors.ts'
import type { Trust, VerificationReport } from '../../core/finding.ts'
import { formatRanges } from '../../core/ranges.ts'
import { parseSealKey } from '../../core/seal.ts'
import { parseVkey } from '../../core/vkey.ts'
import type { BundleReport } from '../../export/verify-bundle.ts'
import { openReader } from '../../trail/reader.ts'
import { reportUnreadable } from '../../trail/unreadable.ts'
import type { Cli } from '../cli.ts'
import { CliError, type ExitCode, exitCodes, UsageError } from '../failure.ts'
import { type Act, integer, repeated } from '../flags.ts'
import { readWhole, strictText } from '../input.ts'
import { needLog } from '../log.ts'
import { count, jsonLine, shown, visible } from '../text.ts'
import { judgeBundle } from './verify-bundle.ts'

interface Options {
  readonly complete?: boolean
  readonly from?: number
  readonly to?: number
  readonly anchor?: string[]
  readonly sealKey?: string
  readonly vkey?: string[]
  readonly deep?: boolean
  readonly bundle?: string
}

/** Findings that a person is shown. */
const maxShown = 20

export function registerVerify(program: Command, act: Act): void {
  program
    .command('verify')
    .description('check that nothing was changed, and say what is missing')
    .option('--complete', 'fail (6) also when something is missing')
    .option('--from <seq>', 'check from this entry on', integer())
    .option('--to <seq>', 'check up to, not including, this entry', integer())
    .option('--anchor <file>', 'a signed checkpoint that was kept elsewhere; may be repeated', repeated)
    .option('--seal-key <file>', 'the file with the seal key that init showed')
    .option(
      '--vkey <key>',
      'a verifier key of the log, when known from elsewhere than the keys; may be repeated',
      repeated,
    )
    .option('--deep', 'also check every value, and the index against the log')
    .option('--bundle <file>', 'check an exported bundle instead of the log: neither log nor keys are needed')
    .action(act(verify, 'judging'))
}

async function verify(cli: Cli, options: Options): Promise<ExitCode> {
  const anchors = (options.anchor ?? []).map(file => strictText(readWhole(file, exitCodes.cannotTell)))
  const sealKey = options.sealKey === undefined ? undefined : readSealKey(options.sealKey)
  const vkeys = options.vkey === undefined ? undefined : vkeysOf(options.vkey)
  const { from, to, deep, bundle } = options
  if (bundle !== undefined) {
    if ((from ?? to ?? deep ?? sealKey) !== undefined) {
      throw new UsageError('--bundle goes with --vkey, --anchor and --complete only')
    }
    const report = await judgeBundle(bundle, { anchors, vkeys: vkeys ?? [] })
    await cli.print(cli.json ? jsonLine(report) : bundleText(cli, report))
    return report.valid && report.undecided.length > 0
      ? exitCodes.cannotTell
      : exitOfReport(report, options.complete === true)
  }
  if (from !== undefined && to !== undefined && from > to) throw new UsageError('--from is behind --to')
  const report = await judge(cli, { from, to, deep, anchors, sealKey, vkeys })
  cli.progress(undefined)
  await cli.print(cli.json ? jsonLine(report) : reportText(cli, report))
  return exitOfReport(report, options.complete === true)
}

type Request = Parameters<Awaited<ReturnType<typeof openReader>>['verify']>[0]

/** A report, also over what cannot be opened, as far as anything remembers it. */
async function judge(cli: Cli, request: Request): Promise<VerificationReport> {
  const { file, keys } = cli
  try {
    needLog(cli)
    const reader = await openReader({ file, keys, onNotice: sentence => cli.say(sentence) })
    try {
      return await reader.verify(request, {
        onProgress: ({ next }, size) => cli.progress(`${next} of ${size} entries checked`),
      })
    } finally {
      await reader.close()
    }
  } catch (error) {
    const own = ownAnchor(keys)
    const anchors = [...(own === undefined ? [] : [own]), ...(request.anchors ?? [])]
    const judged = reportUnreadable(file, asNotFound(error), { keys, anchors, vkeys: request.vkeys })
    if (judged === undefined) throw error
    return judged
  }
}

/** That the log is gone is what this command is asked about, not a reason to refuse. */
function asNotFound(error: unknown): unknown {
  return error instanceof AuditError && error.code === 'damaged' ? new AuditError('not_found', error.message) : error
}

function ownAnchor(keys: string): string | undefined {
  try {
    return readPrivateFile(anchorFile(keys))
  } catch {
    return undefined
  }
}

/** The exit code of a report. */
export function exitOfReport({ valid, complete }: VerificationReport, wantsComplete: boolean): ExitCode {
  if (!valid) return exitCodes.tampered
  return wantsComplete && !complete ? exitCodes.incomplete : exitCodes.done
}

/** A seal key out of a file, as `init` showed it. */
export function readSealKey(file: string): string {
  const text = strictText(readWhole(file, exitCodes.cannotTell)).trim()
  try {
    parseSealKey(text)
  } catch (error) {
    throw new CliError(exitCodes.cannotTell, `${file} is not a seal key as init shows it: ${(error as Error).message}`)
  }
  return text
}

/** Verifier keys out of flags; one flag may hold the lines of a `log.vkeys` file. */
export function vkeysOf(given: readonly string[]): string[] {
  const vkeys = given.flatMap(text => text.split('\n')).filter(line => line.trim() !== '')
  for (const vkey of vkeys) {
    try {
      parseVkey(vkey)
    } catch (error) {
      throw new UsageError(`--vkey: ${(error as Error).message}`, { cause: error })
    }
  }
  if (vkeys.length === 0) throw new UsageError('--vkey is empty')
  return vkeys
}

/** What a trust label means, in words. */
export function trustText(trust: Trust): string {
  switch (trust) {
    case 'chained':
      return 'chained: only this file says so'
    case 'signed':
      return "signed: the log's keys say so"
    case 'anchored':
      return 'anchored: a checkpoint remembered outside the file agrees'
    default: {
      const n = Number(trust.slice('witnessed:'.length))
      return `${trust}: ${count(n, 'witness has', 'witnesses have')} signed it too`
    }
  }
}

function bundleText(cli: Cli, report: BundleReport): string {
  const { origin, whole, values, undecided } = report
  const which = whole === undefined ? 'a selection: what else there is cannot be told from it' : formatRanges(whole)
  const lines = [
    `  log       ${visible(origin)}`,
    `  holds     ${which === '' ? 'nothing' : which}`,
    `  values    ${values.open} open, ${values.closed} closed`,
  ]
  section(cli, lines, 'What could not be judged', undecided, visible)
  return `${reportText(cli, report)}\n${lines.join('\n')}\n`
}

function reportText(cli: Cli, report: VerificationReport): string {
  const { valid, complete, trust, entries, size, rootHash, findings, findingsOmitted, firstUntrusted } = report
  const { declared, missing } = report
  const all = findings.length + findingsOmitted
  const lines: string[] = []
  if (valid) {
    const rest = complete ? ', nothing is missing' : ''
    lines.push(`${cli.style(['bold', 'green'], 'verified')}: nothing was changed${rest}`)
  } else {
    lines.push(`${cli.style(['bold', 'red'], 'TAMPERED')}: ${count(all, 'finding', 'findings')}`)
    if (firstUntrusted !== undefined) {
      lines.push(`the first entry that can no longer be trusted is ${cli.style('bold', String(firstUntrusted))}`)
    }
  }
  const trustLine = valid ? trustText(trust) : `${trust}: how far this check could reach`
  lines.push(
    '',
    `  entries   ${entries === size ? `${size}, all checked` : `${entries} checked of ${size}`}`,
    ...(rootHash === '' ? [] : [`  root      ${rootHash}`]),
    `  trust     ${trustLine}`,
    `  took      ${report.durationMs.toFixed(0)} ms`,
  )
  if (findings.length > 0) {
    lines.push('', cli.style('bold', 'What was found'))
    for (const { type, seq, message } of findings.slice(0, maxShown)) {
      const place = seq === undefined ? '' : ` at ${seq}`
      lines.push(`  ${cli.style('red', `${type}${place}`)}: ${visible(message)}`)
    }
    if (all > maxShown)
      lines.push(`  … and ${all - maxShown} more: --json lists ${findingsOmitted > 0 ? 'more' : 'all'}`)
  }
  section(cli, lines, 'What is missing, though nothing was changed', missing, ({ message }) => visible(message))
  section(cli, lines, 'What the log declares', declared, ({ operation, seq, time, ...more }) => {
    const facts = Object.entries(more).map(([name, value]) => `${visible(name)}=${shown(value)}`)
    return [`${visible(operation)} at ${seq}, ${visible(time)}`, ...facts].join(' ')
  })
  return `${lines.join('\n')}\n`
}

function section<T>(cli: Cli, lines: string[], title: string, items: readonly T[], text: (item: T) => string): void {
  if (items.length === 0) return
  lines.push('', cli.style('bold', title))
  for (const item of items.slice(0, maxShown)) lines.push(`  ${text(item)}`)
  if (items.length > maxShown) lines.push(`  … and ${items.length - maxShown} more: --json lists all`)
}
