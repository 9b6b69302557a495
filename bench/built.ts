/** The package as it is installed, and opening a log with it in a process of its own. */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Bench } from './bench.ts'
import type { OpenReport } from './open-child.ts'

/** The package as it is published, compiled once in a run; `undefined` when nothing comes of it, or it is not asked for. */
export function buildPackage(bench: Bench): string | undefined {
  if (!bench.sizes.built) return undefined
  const root = fileURLToPath(new URL('..', import.meta.url))
  const out = join(bench.shared, 'built')
  const system = join(out, 'system.js')
  if (existsSync(system)) return system
  try {
    execFileSync(
      process.execPath,
      [join(root, 'node_modules/typescript/bin/tsc'), '-p', join(root, 'tsconfig.build.json'), '--outDir', out],
      { stdio: 'pipe' },
    )
  } catch {
    bench.say('the package does not compile cleanly: what was emitted is used')
  }
  if (!existsSync(system)) return undefined
  writeFileSync(join(out, 'package.json'), '{"type":"module"}')
  return system
}

/** Opens a log, appends once, and closes it. */
export function openInChild(system: string, { file, keys }: { file: string; keys: string }): OpenReport {
  const child = fileURLToPath(new URL('./open-child.ts', import.meta.url))
  const answer = execFileSync(process.execPath, [child, system, file, keys], { encoding: 'utf8' })
  return JSON.parse(answer) as OpenReport
}
