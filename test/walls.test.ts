/**
 * The walls of the house: which folder may import which. Imports go one way,
 *
 *     core ← store ← append, index, verify ← trail, detect ← system ← mcp, server, cli
 *
 * and are read here as text, types and thread scripts included, so that no compiler setting hides one.
 */
import { globSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import path from 'node:path'
import { describe, expect, it } from 'vitest'

const src = path.resolve(import.meta.dirname, '../src')

interface Import {
  /** Below `src/`, with `/` between folders: `store/tiles.ts`. */
  readonly from: string
  readonly specifier: string
  /** The file below `src/`; `undefined` for a package. */
  readonly to: string | undefined
  /** Erased by the compiler. */
  readonly typeOnly: boolean
}

const files = globSync('**/*.ts', { cwd: src }).map(file => file.replaceAll('\\', '/'))
const texts = new Map(files.map(file => [file, withoutComments(readFileSync(path.join(src, file), 'utf8'))]))
const imports = [...texts].flatMap(([from, text]) => importsOf(from, text))

function withoutComments(text: string): string {
  return text.replaceAll(/^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm, '')
}

function importsOf(from: string, text: string): Import[] {
  const forms = [
    /^(?:import|export)\s+(?<type>type\s)?[^'"`;]*?\sfrom\s+['"](?<specifier>[^'"]+)['"]/gm,
    /^import\s+['"](?<specifier>[^'"]+)['"]/gm,
    /\bimport\(\s*['"](?<specifier>[^'"]+)['"]\s*\)(?<type>\.|\[)?/g,
    /\bnew URL\(\s*['"](?<specifier>\.{1,2}\/[^'"]+)['"],\s*import\.meta\.url\)/g,
  ]
  return forms.flatMap(form =>
    [...text.matchAll(form)].map(({ groups }) => {
      const specifier = groups!.specifier!
      const to = specifier.startsWith('.') ? path.posix.join(path.posix.dirname(from), specifier) : undefined
      // A thread's script is named without the extension, which is .ts in the sources and .js in the package.
      const script = to !== undefined && files.includes(`${to}.ts`) ? `${to}.ts` : to
      return { from, specifier, to: script, typeOnly: groups!.type !== undefined }
    }),
  )
}

/** A folder of `src/`, or a file that lies in it directly. */
const roomOf = (file: string): string => file.split('/')[0]!

const below = ['core', 'store', 'append', 'index', 'verify', 'trail', 'threads', 'node-version.ts']
/** What the system is made of, besides the spine. */
const parts = [
  'intake',
  'governance',
  'metrics',
  'detect',
  'report',
  'export',
  'streams',
  'retention',
  'access',
  'migrate',
  'backup',
  'integrations',
]
const rooms = [...below, ...parts]

/** What each room may import, besides itself. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  core: [],
  store: ['core'],
  // Calls across a thread's border: a helper of those who have a thread, which knows nothing of logs but their errors.
  threads: ['core'],
  append: ['core', 'store', 'threads'],
  index: ['core', 'store'],
  verify: ['core', 'store'],
  trail: ['core', 'store', 'append', 'index', 'verify', 'threads'],
  // What happens to an entry before it is captured, and what is asked about it: pure.
  intake: ['core'],
  governance: ['core'],
  metrics: ['core'],
  detect: below,
  report: [...below, 'detect', 'metrics'],
  export: below,
  streams: [...below, 'export'],
  retention: [...below, 'export'],
  access: [...below, 'report', 'export'],
  migrate: below,
  backup: below,
  config: rooms,
  // The spine is two files: what opens and wires, and what it gives. The system is the third: everything on top of them.
  'system.ts': [...below, 'audit-log.ts'],
  'audit-log.ts': below,
  'assembly.ts': [...rooms, 'system.ts', 'audit-log.ts'],
  'memmimic-audit-system.ts': [...rooms, 'config', 'system.ts', 'audit-log.ts', 'assembly.ts'],
  integrations: [...below, 'governance', 'intake'],
  mcp: [...below, 'system.ts', 'audit-log.ts'],
  server: [...rooms, 'config', 'system.ts', 'audit-log.ts', 'assembly.ts', 'memmimic-audit-system.ts'],
  // The command line starts the other shells.
  cli: [...rooms, 'attack', 'config', 'system.ts', 'audit-log.ts', 'memmimic-audit-system.ts', 'mcp', 'server'],
  // Plays attacks on a copy of a log, and on everything that answers them.
  attack: [...below, 'detect', 'access', 'export', 'retention', 'backup', 'testing'],
  // For people who test: stores under faults, and a clock for the writer.
  testing: ['core', 'store', 'append'],
  'testing.ts': ['core', 'store', 'testing'],
  'node-version.ts': [],
  // The table of contents.
  'index.ts': [...rooms, 'attack', 'config', 'system.ts', 'audit-log.ts', 'assembly.ts', 'memmimic-audit-system.ts'],
}

/** Which files may import a package; whatever is not named here is imported by none. */
const packages: Readonly<Record<string, RegExp>> = {
  '@noble/curves': /^core\/primitives\.browser\.ts$/,
  '@noble/hashes': /^core\/primitives\.browser\.ts$/,
  '@noble/post-quantum': /^core\/primitives\.browser\.ts$/,
  'better-sqlite3-multiple-ciphers': /^store\/sqlite-file\.ts$/,
  commander: /^cli\//,
  zod: /^config\//,
  yaml: /^config\//,
  hono: /^server\//,
  '@hono/node-server': /^server\//,
  pino: /^server\//,
  '@opentelemetry/api': /^integrations\//,
  '@opentelemetry/api-logs': /^integrations\//,
}

const show = (found: readonly Import[]) => found.map(({ from, specifier }) => `${from} imports ${specifier}`)

describe('the walls', () => {
  it('see the imports that they judge', () => {
    expect(files.length).toBeGreaterThan(50)
    for (const file of files) {
      const text = texts.get(file)!
      const said = text.match(/\bfrom '[^']+'$|^import '[^']+'$|\bimport\('|\bnew URL\('\.{1,2}\//gm) ?? []
      expect(imports.filter(({ from }) => from === file).length, file).toBe(said.length)
    }
    expect(imports.filter(({ specifier }) => specifier.endsWith('-thread')).length).toBeGreaterThanOrEqual(2)
  })

  it.each<[string, string | undefined, boolean]>([
    ["import { a } from '../store/store.ts'", 'store/store.ts', false],
    ["import {\n  type A,\n  b,\n} from '../store/store.ts'", 'store/store.ts', false],
    ["import { type A } from '../store/store.ts'", 'store/store.ts', false],
    ["import type { A } from '../store/store.ts'", 'store/store.ts', true],
    ["export * from '../store/store.ts'", 'store/store.ts', false],
    ["export type { A } from '../store/store.ts'", 'store/store.ts', true],
    ["import '../store/store.ts'", 'store/store.ts', false],
    ["const a = await import('../store/store.ts')", 'store/store.ts', false],
    ["let a: import('../store/store.ts').A", 'store/store.ts', true],
    ["new Remote(new URL('../trail/reader-thread', import.meta.url))", 'trail/reader-thread.ts', false],
    ["import fs from 'node:fs'", undefined, false],
  ])('see %j', (text, to, typeOnly) => {
    expect(importsOf('core/x.ts', text)).toEqual([expect.objectContaining({ from: 'core/x.ts', to, typeOnly })])
  })

  it('know every room', () => {
    expect(files.filter(file => allowed[roomOf(file)] === undefined)).toEqual([])
  })

  it('let imports go one way only', () => {
    const through = imports.filter(({ from, to }) => {
      if (to === undefined || !files.includes(to)) return false
      return roomOf(to) !== roomOf(from) && !allowed[roomOf(from)]?.includes(roomOf(to))
    })
    expect(show(through)).toEqual([])
  })

  it('have no import that leads nowhere', () => {
    const outside = new Set(['../package.json', '../schemas/config.schema.json'])
    const lost = imports.filter(({ to }) => to !== undefined && !files.includes(to) && !outside.has(to))
    expect(show(lost)).toEqual([])
  })

  it('leave no way round in the table of what is allowed', () => {
    expect(cyclesOf(new Map(Object.entries(allowed)))).toEqual([])
  })

  it('let in packages where they are named, and no others', () => {
    const strangers = imports.filter(({ from, specifier, to }) => {
      if (to !== undefined || specifier.startsWith('node:')) return false
      const [scope = '', name] = specifier.split('/')
      return !packages[scope.startsWith('@') ? `${scope}/${name}` : scope]?.test(from)
    })
    expect(show(strangers)).toEqual([])
  })
})

describe('the core', () => {
  const inCore = (file: string) => file.startsWith('core/')

  it('imports nothing of Node but in primitives.ts', () => {
    const found = imports.filter(
      ({ from, specifier }) =>
        inCore(from) && (specifier.startsWith('node:') || builtinModules.includes(specifier.split('/')[0]!)),
    )
    expect(show(found)).toEqual(['core/primitives.ts imports node:crypto'])
  })

  it('names no global of Node or of the Web, no clock and no randomness', () => {
    const globals =
      /\b(Buffer|process|globalThis|require|__dirname|setTimeout|setInterval|queueMicrotask|performance|fetch|console|navigator)\b(?!['":])|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bcrypto\.|\basync\b|\bawait\b/
    const found = files
      .filter(file => inCore(file) && file !== 'core/primitives.ts')
      .flatMap(file => {
        const lines = texts.get(file)!.split('\n')
        return lines.filter(line => globals.test(line)).map(line => `${file}: ${line.trim()}`)
      })
    expect(found).toEqual([])
  })

  it('is used through its files by the package itself: its index is for others', () => {
    const found = imports.filter(({ to }) => to === 'core/index.ts' || to === 'index.ts')
    expect(show(found)).toEqual([])
  })

  it('has no way to its primitives but primitives.ts, which the browser’s build can swap', () => {
    const found = imports.filter(({ to }) => to === 'core/primitives.browser.ts')
    expect(show(found)).toEqual([])
  })
})

it('no file needs its own values, through whatever others', () => {
  const needs = new Map(files.map(file => [file, [] as string[]]))
  for (const { from, to, typeOnly } of imports) {
    // A thread's script is another program.
    if (to !== undefined && !typeOnly && !to.endsWith('-thread.ts')) needs.get(from)!.push(to)
  }
  expect(cyclesOf(needs)).toEqual([])
  expect(cyclesOf(new Map([...needs, ['core/bytes.ts', ['system.ts']]])).length).toBeGreaterThan(0)
})

/** One circle for each way that closes one: `a → b → a`. */
function cyclesOf(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const cycles: string[] = []
  const done = new Set<string>()
  const visit = (node: string, way: readonly string[]): void => {
    if (way.includes(node)) {
      cycles.push([...way.slice(way.indexOf(node)), node].join(' → '))
      return
    }
    if (done.has(node)) return
    for (const next of graph.get(node) ?? []) visit(next, [...way, node])
    done.add(node)
  }
  for (const node of graph.keys()) visit(node, [])
  return cycles
}
