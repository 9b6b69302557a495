/**
 * What is compared with and is no dependency of this package: it lies in `bench/peers`, with a lock of its own, and is
 * installed when the comparison runs, without running anybody's install scripts.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const folder = fileURLToPath(new URL('./peers', import.meta.url))

interface Manifest {
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly main?: string
  readonly exports?: Readonly<Record<string, string | { readonly import?: string; readonly default?: string }>>
}

function manifest(...path: string[]): Manifest {
  return JSON.parse(readFileSync(join(folder, ...path, 'package.json'), 'utf8')) as Manifest
}

/** Names and versions, as they are pinned. */
export function peerVersions(): Readonly<Record<string, string>> {
  return manifest().dependencies
}

function isInstalled(name: string, version: string): boolean {
  return existsSync(join(folder, 'node_modules', name)) && manifest('node_modules', name).version === version
}

/** Installs what is missing. @returns why that is not possible; `undefined` when all of them are there */
export function installPeers(): string | undefined {
  if (Object.entries(peerVersions()).every(([name, version]) => isInstalled(name, version))) return undefined
  const npm = process.env.npm_execpath
  const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]]
  const quiet = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  try {
    execFileSync(command, [...first, 'ci', ...quiet], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 300_000,
    })
    return undefined
  } catch (error) {
    const { stderr, message } = error as Error & { stderr?: Buffer }
    const lines = (stderr?.toString() ?? '').split('\n').map(line => line.trim())
    const said = lines.find(line => /error/i.test(line)) ?? message.split('\n')[0]!
    return `npm ci in bench/peers: ${said}`
  }
}

/** A module of a peer; what its package exports as `path`. */
export async function loadPeer(name: string, path = '.'): Promise<unknown> {
  const { exports, main = 'index.js' } = manifest('node_modules', name)
  const target = exports?.[path]
  const file = typeof target === 'string' ? target : (target?.import ?? target?.default ?? main)
  return await import(pathToFileURL(join(folder, 'node_modules', name, file)).href)
}
