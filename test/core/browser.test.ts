/**
 * `memmimic-audit/core` as a browser gets it: built by tsc, installed as a package, found through the `exports` and
 * `browser` fields of package.json, bundled, and run in a context that has the language and the text codecs, and neither
 * Node nor the Web's other globals.
 */
import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import vm from 'node:vm'
import { build, type Rolldown } from 'vite'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as node from '../../src/core/index.ts'
import { ed25519Key, mldsa44Key } from '../support/keys.ts'
import { ReferenceTree } from '../support/reference-tree.ts'

type Core = typeof node

const root = path.resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(path.join(tmpdir(), 'browser-'))
const installed = path.join(folder, 'node_modules/memmimic-audit')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, { types: string; default: string }>
  browser: Record<string, string>
}

let bundled: string
/** The library inside the browser's context. */
let core: Core

beforeAll(async () => {
  mkdirSync(installed, { recursive: true })
  copyFileSync(path.join(root, 'package.json'), path.join(installed, 'package.json'))
  symlinkSync(path.join(root, 'node_modules/@noble'), path.join(folder, 'node_modules/@noble'))
  tsc(path.join(installed, 'dist'))
  const entry = path.join(folder, 'entry.js')
  writeFileSync(entry, `export * from 'memmimic-audit/core'\n`)
  bundled = await bundle(entry)
  const context = vm.createContext({ TextEncoder, TextDecoder }, { codeGeneration: { strings: false, wasm: false } })
  core = vm.runInContext(`${bundled}\n;core`, context) as Core
})

/** Emits also where another file of the package has a type error: that is for `npm run check` to say. */
function tsc(to: string): void {
  const bin = path.join(root, 'node_modules/typescript/bin/tsc')
  try {
    execFileSync(process.execPath, [bin, '-p', path.join(root, 'tsconfig.build.json'), '--outDir', to])
  } catch {
    expect(existsSync(path.join(to, 'core/index.js'))).toBe(true)
  }
}

async function bundle(entry: string): Promise<string> {
  const output = await build({
    root: folder,
    configFile: false,
    envFile: false,
    logLevel: 'error',
    build: {
      write: false,
      minify: true,
      lib: { entry, formats: ['iife'], name: 'core' },
    },
  })
  const [{ output: chunks }] = output as unknown as [Rolldown.RolldownOutput]
  expect(chunks).toHaveLength(1)
  return chunks[0].code
}

describe('the package', () => {
  it('names files that tsc emits, and swaps the one file of the core that needs Node', () => {
    const named = [
      ...Object.values(manifest.exports).flatMap(target => (typeof target === 'string' ? [] : Object.values(target))),
      ...Object.entries(manifest.browser).flat(),
    ]
    for (const file of named) expect(existsSync(path.join(installed, file)), file).toBe(true)
    expect(manifest.browser).toEqual({ './dist/core/primitives.js': './dist/core/primitives.browser.js' })
  })
})

describe('the core in a browser', () => {
  it('is one file without Node, and without a surprise in its size', () => {
    expect(bundled).not.toMatch(/\bnode:|\brequire\(|\bprocess\.|\bBuffer\b/)
    expect(bundled.length).toBeLessThan(150_000)
  })

  it('has every name that it has in Node', () => {
    expect(Object.keys(core).sort()).toEqual(Object.keys(node).sort())
  })

  const origin = 'log.example/audit'
  const ed = ed25519Key(new Uint8Array(32).fill(1))
  const pq = mldsa44Key()
  const salt = new Uint8Array(16).fill(5)
  const start = Date.UTC(2026, 10, 23, 12) * 1000

  /** A log of three entries, written in Node. */
  const { leaves, preimage, tree } = (() => {
    const leaves: Uint8Array[] = []
    const tree = new ReferenceTree()
    let preimage = new Uint8Array(0)
    let previousHash = node.genesisHash(origin)
    for (let seq = 0; seq < 3; seq++) {
      const time = start + seq
      const id = node.uuidv7(Math.floor(time / 1000), new Uint8Array(10).fill(seq))
      const draft = node.captureEntry({ operation: 'remember', component: 'memory', memoryId: seq }, { id, time })
      preimage = Uint8Array.from(node.formatPreimage({ salt, name: draft.sealed[0]!, json: draft.sealed[1]! }))
      const leaf = node.utf8(node.leafText(draft, { seq, time, previousHash }, [node.commitment(preimage)]))
      leaves.push(Uint8Array.from(leaf))
      tree.append(leaf)
      previousHash = node.leafHashHex(leaf)
    }
    return { leaves, preimage, tree }
  })()
  const leaf = leaves[2]!
  const vkeys = [node.formatVkey(origin, 1, ed.publicKey), node.formatVkey(origin, 6, pq.publicKey)]
  const checkpoint = node.signCheckpoint({ origin, size: 3, root: tree.hash(0, 3) }, [
    node.ed25519Signer(origin, ed.publicKey, ed.sign),
    node.mldsa44Signer(origin, pq.publicKey, pq.sign, 1_795_442_820),
  ])
  const proof = node.formatTlogProof({ index: 2, path: tree.path(2, 0, 3), checkpoint })
  const refuse = (name: string) => expect.objectContaining({ name: 'AuditError', code: name })

  it('opens a checkpoint that both keys signed, and none that either did not', () => {
    const verifiers = vkeys.map(vkey => core.parseVkey(vkey))
    const opened = core.openCheckpoint(checkpoint, origin, verifiers)
    expect(opened.checkpoint.size).toBe(3)
    expect(core.toHex(opened.checkpoint.root)).toBe(node.toHex(tree.hash(0, 3)))
    expect(opened.verified.map(({ type }) => type)).toEqual([1, 6])
    for (const verifier of verifiers) {
      expect(core.openCheckpoint(checkpoint, origin, [verifier]).verified).toHaveLength(1)
      const other = checkpoint.replace('\n3\n', '\n2\n')
      expect(() => core.openCheckpoint(other, origin, [verifier])).toThrow(refuse('bad_signature'))
    }
    expect(() => core.openCheckpoint(checkpoint, 'log.example', verifiers)).toThrow(refuse('bad_format'))
  })

  it('checks a tlog-proof', () => {
    const verifiers = vkeys.map(vkey => core.parseVkey(vkey))
    const parsed = core.parseTlogProof(proof)
    expect(core.checkTlogProof(parsed, leaf, origin, verifiers).verified).toHaveLength(2)
    expect(() => core.checkTlogProof(parsed, leaves[1]!, origin, verifiers)).toThrow(refuse('bad_proof'))
    expect(() => core.checkTlogProof({ ...parsed, index: 1 }, leaf, origin, verifiers)).toThrow(refuse('bad_proof'))
    expect(() => core.parseTlogProof(proof.replace('index 2', 'index 02'))).toThrow(refuse('bad_format'))
  })

  it('reads a leaf, its chain and its disclosure', () => {
    const { leaf: parsed } = core.parseLeaf(leaf)
    expect(parsed).toMatchObject({ seq: 2, operation: 'remember', previousHash: core.leafHashHex(leaves[1]!) })
    expect(core.parseLeaf(leaves[0]!).leaf?.previousHash).toBe(core.genesisHash(origin))
    expect(core.parseLeaf(leaf.with(10, 0xff)).problem).toBe('is not valid UTF-8')
    const disclosure = core.parsePreimage(preimage)
    expect(core.toTriple(disclosure)).toEqual([node.toBase64url(salt), 'memoryId', '2'])
    expect(core.opens(parsed!.sealed!.memoryId!, disclosure)).toBe(true)
    expect(core.opens(parsed!.sealed!.memoryId!, { ...disclosure, json: '"3"' })).toBe(false)
    const content = core.formatContent([preimage])
    expect(core.openEntry({ seq: 2, leaf, content }).view).toMatchObject({ memoryId: '2', seq: 2 })
  })

  it('checks a seal with the first key, epochs later', () => {
    const first = { origin, start, epoch: 0, key: new Uint8Array(32).fill(9) }
    const epoch = core.epochOf(start, start + 3 * core.epochMicros)
    const mac = node.sealMac(node.evolve(first, 3), 3, tree.hash(0, 3))
    const key = core.evolve(core.parseSealKey(node.formatSealKey(first)), epoch)
    expect(core.equalInConstantTime(core.sealMac(key, 3, tree.hash(0, 3)), mac)).toBe(true)
    expect(core.equalInConstantTime(core.sealMac(key, 2, tree.hash(0, 3)), mac)).toBe(false)
  })

  it('writes the leaf, the tree and the refusals that Node writes', () => {
    const time = start + 2
    const id = core.uuidv7(Math.floor(time / 1000), new Uint8Array(10).fill(2))
    const draft = core.captureEntry({ operation: 'remember', component: 'memory', memoryId: 2 }, { id, time })
    const place = { seq: 2, time, previousHash: core.leafHashHex(leaves[1]!) }
    expect(core.utf8(core.leafText(draft, place, [core.commitment(preimage)]))).toEqual(leaf)
    const edge = core.RightEdge.empty()
    for (const one of leaves) edge.append(core.leafHash(one))
    expect(core.toHex(edge.root())).toBe(node.toHex(tree.hash(0, 3)))
    expect(() => core.parseJson('{"a":1,"a":2}')).toThrow(refuse('bad_input'))
    expect(() => core.canonicalize([new Map()])).toThrow('$[0]: an instance of Map is not a JSON value')
  })
})
