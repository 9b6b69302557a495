/** Programs that come with Debian and that some tests ask for a second opinion. */
import { execFileSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import path from 'node:path'

/**
 * The path of a program, installed first where that is possible: with apt-get, by root. Otherwise says why not, and the
 * tests that need it are skipped.
 *
 * @example const promtool = debianProgram('promtool', 'prometheus')
 * describe.skipIf(promtool === undefined)('…', …)
 */
export function debianProgram(program: string, packageName: string): string | undefined {
  const found = inPath(program)
  if (found !== undefined) return found
  const problem = install(packageName)
  const installed = problem === undefined ? inPath(program) : undefined
  if (installed === undefined) {
    const why = problem ?? `the package ${packageName} does not have it`
    console.warn(`skipped: the tests with ${program}, because it is not there and ${why}`)
  }
  return installed
}

function inPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(path.delimiter)
    .concat('/usr/bin', '/usr/sbin')
    .map(folder => path.join(folder, program))
    .find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** @returns why it could not be installed */
function install(packageName: string): string | undefined {
  const aptGet = inPath('apt-get')
  if (aptGet === undefined) return 'there is no apt-get'
  if (process.getuid?.() !== 0) return `only root can install the package ${packageName}`
  // Other test files may install at the same moment; whatever the package would start is not started.
  const lock = ['-o', 'DPkg::Lock::Timeout=120']
  const options = {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    stdio: 'pipe',
    timeout: 180_000,
  } as const
  try {
    execFileSync(aptGet, ['update', ...lock], options)
    execFileSync(aptGet, ['install', '-y', '--no-install-recommends', ...lock, packageName], options)
    return undefined
  } catch (error) {
    const said = String((error as { stderr?: unknown }).stderr ?? error)
    return `apt-get could not install ${packageName}: ${said.trim().split('\n').at(-1)}`
  }
}
