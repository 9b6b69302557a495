/**
 * The pages say only what is so: examples run, links lead somewhere, commands exist, and the worked example of the format
 * is computed twice, by the code and by nothing but what the page says.
 */
import { execFile } from 'node:child_process'
import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  hkdfSync,
  type KeyObject,
  randomUUID,
  verify,
} from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, describe, expect, it } from 'vitest'
import { IdSource } from '../src/append/clock.ts'
import { loadKeys } from '../src/append/keys.ts'
import { Sequencer } from '../src/append/sequencer.ts'
import { toHex } from '../src/core/bytes.ts'
import { captureEntry } from '../src/core/capture.ts'
import type { EntryInput } from '../src/core/entry.ts'
import type { FindingType } from '../src/core/finding.ts'
import { leafHash, nodeHash } from '../src/core/hash.ts'
import { inclusionProof, tilesForInclusion } from '../src/core/proof.ts'
import { formatSealKey, parseSealKey } from '../src/core/seal.ts'
import { parseContent, parsePreimage, toTriple } from '../src/core/sealed.ts'
import { checkTlogProof, formatTlogProof, parseTlogProof } from '../src/core/tlog-proof.ts'
import { formatVkey, parseVkey } from '../src/core/vkey.ts'
import { readTiles } from '../src/store/tiles.ts'
import { fixedWorld, MemoryStore } from '../src/testing.ts'
import { verifyLog } from '../src/verify/log-verifier.ts'

const run = promisify(execFile)
const root = join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const pages = ['README.md', 'docs/format.md', 'docs/design.md', 'docs/threat-model.md', 'docs/seed.md']

describe('the examples', () => {
  const examples = readdirSync(join(root, 'examples')).filter(name => name.endsWith('.ts'))
  it.each(examples)('%s runs, and ends well', async name => {
    await run(process.execPath, [join(root, 'examples', name)], { cwd: tmpdir() })
  })

  it('are all named in the README, whose program is the first of them, word for word', () => {
    const readme = read('README.md')
    for (const name of examples) expect(readme).toContain(`(examples/${name})`)
    const program = /```ts\n([\s\S]*?)```/.exec(readme)?.[1]
    expect(program).toBe(read('examples/tamper.ts').replace("'../src/index.ts'", "'memmimic-audit'"))
  })
})

describe('the benchmark page', () => {
  it('says the machine, the durability and the method of its figures, and each goal as met or missed', () => {
    const page = read('docs/benchmarks.md')
    expect(page).toContain('a receipt means that the entry is committed and synced')
    for (const said of ['| Processor |', '| File system |', '| fsync of 4 KiB written |', '| Node |']) {
      expect(page).toContain(said)
    }
    const goals = [
      ...page.matchAll(/^\| ([^|]+) \| (≤|≥) ([^|]+) \| ([\d.,]+)([^|]*) \| ([^|]*) \| (met|\*\*missed\*\*) \|$/gm),
    ]
    expect(goals.length).toBeGreaterThanOrEqual(14)
    for (const [, what] of goals.filter(goal => goal[7] === '**missed**')) {
      expect(page, 'what is missed is explained').toContain(`- **${what}**: `)
    }
  })
})

describe('the pages', () => {
  it.each(pages)('%s links to what is there', page => {
    // Made by the benchmarks themselves.
    const generated = 'docs/benchmarks.md'
    const links = [...read(page).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map(([, link = '']) => link)
    expect(links.length).toBeGreaterThan(0)
    for (const link of links) {
      const [path = '', anchor] = link.split('#')
      const target = join(dirname(page), path)
      if (target !== generated) expect(existsSync(join(root, target)), `${page} links to ${link}`).toBe(true)
      if (anchor !== undefined) expect(headingsOf(read(target)), `${page} links to ${link}`).toContain(anchor)
    }
  })

  it('name the commands that there are, and all of them', async () => {
    const { stdout } = await run(process.execPath, [join(root, 'src/cli/main.ts'), '--help'])
    const commands = stdout.split('Commands:\n')[1]?.split('\n\n')[0] ?? ''
    const there = [...commands.matchAll(/^ {2}([a-z][a-z-]+) /gm)]
      .map(([, name]) => name)
      .filter(name => name !== 'help')
    const table = read('README.md').split('| command | does |')[1]?.split('\n\n')[0] ?? ''
    expect([...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name).sort()).toEqual(there.sort())
    const used = pages.flatMap(page => [...read(page).matchAll(/\bmemmimic-audit ([a-z][a-z-]+)/g)])
    for (const [what, name] of used) expect(there, what).toContain(name)
  })

  it('name every flag as the command line knows it', async () => {
    const commands = [
      'init',
      'verify',
      'checkpoint',
      'show',
      'export',
      'mcp-proxy',
      'config print',
      'query',
      'report',
      'restore',
      'attack',
    ]
    const helps = await Promise.all(
      commands.map(name => run(process.execPath, [join(root, 'src/cli/main.ts'), ...name.split(' '), '--help'])),
    )
    const known = helps.map(({ stdout }) => stdout).join('')
    const used = pages.flatMap(page => [...read(page).matchAll(/(?<![\w-])--[a-z][a-z-]+/g)])
    for (const [flag] of used) expect(known, flag).toMatch(new RegExp(`${flag}\\b`))
  })

  it('say of each finding of a check what it means', () => {
    const types: Record<FindingType, boolean> = {
      hash_mismatch: true,
      chain_break: true,
      missing_entry: true,
      temporal_violation: true,
      signature_invalid: true,
      seal_invalid: true,
      tree_mismatch: true,
      rollback: true,
      fork: true,
      index_mismatch: true,
      disclosure_mismatch: true,
      disclosure_missing: true,
      foreign_entry: true,
      format_invalid: true,
      // For a detector, which is not in this release.
      suspicious_pattern: false,
      bulk_modification: false,
      unauthorized_access: false,
    }
    const page = read('docs/threat-model.md')
    for (const [type, isSaid] of Object.entries(types)) expect(page.includes(`\`${type}\``), type).toBe(isSaid)
  })

  it('never say immutable without the trust label', () => {
    for (const page of pages) {
      for (const paragraph of read(page).split('\n\n')) {
        if (/\bimmutabl/i.test(paragraph.replaceAll(/`[^`]*`|\]\([^)]*\)/g, '')))
          expect(paragraph).toContain('trust label')
      }
    }
  })
})

/** The anchors that a page's headings make. */
function headingsOf(page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} -]/gu, '')
      .replaceAll(' ', '-'),
  )
}

describe('the worked example of the format', () => {
  const blocks = new Map<string, string>()
  for (const [, name = '', text = ''] of read('docs/format.md').matchAll(
    /<!-- example: (.*) -->\n```text\n([\s\S]*?)\n```/g,
  ))
    blocks.set(name, text)
  const block = (name: string) => blocks.get(name) ?? expect.unreachable(`the page has no example ${name}`)
  const lines = (name: string) => block(name).split('\n')
  const leaves = [0, 1, 2].map(seq => Buffer.from(block(`leaf ${seq}`)))
  const note = `${block('checkpoint')}\n`

  const folder = join(tmpdir(), `memmimic-audit-docs-${randomUUID()}`)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('is what the code writes', async () => {
    const { store, sealKey, vkeys } = await writeExample(folder)
    const entries = [...store.entries(0, 9)].flat()
    const hashes = entries.map(({ leaf }) => leafHash(leaf))
    const left = nodeHash(hashes[0]!, hashes[1]!)
    const preimages = entries.flatMap(({ seq, content }) => parseContent(content).map(bytes => ({ seq, bytes })))
    const signed = store.lastCheckpoint()!.note

    expect(lines('verifier keys')).toEqual(vkeys)
    expect(block('K0')).toBe(formatSealKey(sealKey))
    expect(entries.map(({ leaf }) => Buffer.from(leaf).toString())).toEqual(leaves.map(String))
    expect(lines('hashes')).toEqual(
      [...hashes, left, nodeHash(left, hashes[2]!)].map((hash, i) => {
        return `${['h0', 'h1', 'h2', 'h01', 'root'][i]!.padEnd(4)} ${toHex(hash)}`
      }),
    )
    expect(lines('preimages')).toEqual(
      preimages.map(({ seq, bytes }) => `${seq} ${parsePreimage(bytes).name} ${toHex(bytes)}`),
    )
    expect(lines('disclosures')).toEqual(
      preimages.map(({ seq, bytes }) => `${seq} ${JSON.stringify(toTriple(parsePreimage(bytes)))}`),
    )
    expect(lines('seals')).toEqual(
      [...store.seals(0, 9)].map(({ size, epoch, mac }) => `${size} ${epoch} ${toHex(mac)}`),
    )
    // All but the ML-DSA-44 signature, which has chance in it.
    expect(note.split('\n').slice(0, -2)).toEqual(signed.split('\n').slice(0, -2))
    const tiles = await readTiles(store, 3, tilesForInclusion(1, 3))
    const proof = formatTlogProof({ index: 1, path: inclusionProof(1, 3, tiles), checkpoint: note })
    expect(`${block('proof')}\n\n${note}`).toBe(proof)
  })

  it('verifies, as a log and as a proof', async () => {
    const { store } = await writeExample(`${folder}-2`)
    rmSync(`${folder}-2`, { recursive: true })
    const verifiers = lines('verifier keys').map(parseVkey)
    const options = { verifiers, anchors: [note], sealKey: parseSealKey(block('K0')), deep: true }
    expect(await verifyLog(store, options)).toMatchObject({ valid: true, complete: true, trust: 'anchored', size: 3 })
    const proof = parseTlogProof(`${block('proof')}\n\n${note}`)
    expect(checkTlogProof(proof, leaves[1]!, 'example.com/log', verifiers).verified).toHaveLength(2)
  })

  // From here on nothing of this project is called: only what the page says.

  const sha256 = (...parts: (string | Uint8Array)[]) => {
    const hash = createHash('sha256')
    for (const part of parts) hash.update(part)
    return hash.digest()
  }
  const byte = (value: number) => Uint8Array.of(value)
  const parsed = leaves.map(leaf => JSON.parse(leaf.toString()))
  const hashes = leaves.map(leaf => sha256(byte(0), leaf))
  const node = (a: Uint8Array, b: Uint8Array) => sha256(byte(1), a, b)
  const left = node(hashes[0]!, hashes[1]!)
  const roots = [hashes[0]!, left, node(left, hashes[2]!)]

  it('follows from the page: leaves, chain and tree', () => {
    const canonical = (value: unknown): string =>
      JSON.stringify(value, (_, part) =>
        typeof part === 'object' && part !== null && !Array.isArray(part)
          ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
          : part,
      )
    const links = [sha256('memmimic-audit/v1\nexample.com/log\n'), hashes[0]!, hashes[1]!]
    for (const [seq, leaf] of parsed.entries()) {
      expect(canonical(leaf)).toBe(leaves[seq]!.toString())
      expect(leaf).toMatchObject({ v: 1, seq, previousHash: links[seq]!.toString('hex') })
    }
    const shown = lines('hashes').map(line => line.split(/ +/)[1])
    expect(shown).toEqual([...hashes, left, roots[2]!].map(hash => hash.toString('hex')))
    expect(parsed[0].attributes.origin).toBe('example.com/log')
    expect([parsed[0].attributes['vkey.ed25519'], parsed[0].attributes['vkey.mldsa44']]).toEqual(lines('verifier keys'))
    expect(parsed[2].intent).toBe(parsed[1].id)
  })

  it('follows from the page: sealed values', () => {
    const preimages = lines('preimages')
    for (const [i, line] of lines('disclosures').entries()) {
      const seq = Number(line[0])
      const [salt, name, value] = JSON.parse(line.slice(2))
      const preimage = Buffer.concat([
        byte(2),
        Buffer.from(salt, 'base64url'),
        Buffer.from(name),
        byte(0),
        Buffer.from(JSON.stringify(value)),
      ])
      expect(preimages[i]).toBe(`${seq} ${name} ${preimage.toString('hex')}`)
      expect(parsed[seq].sealed[name]).toBe(sha256(preimage).toString('base64url'))
    }
    expect(parsed.flatMap(({ sealed = {} }) => Object.keys(sealed))).toHaveLength(preimages.length)
  })

  it('follows from the page: seals and epochs', () => {
    const [, origin, start = '', , hex = ''] = block('K0').split('+')
    const keys = [Buffer.from(hex, 'hex')]
    keys.push(Buffer.from(hkdfSync('sha256', keys[0]!, '', 'memmimic-audit/seal/next', 32)))
    const micros = (time: string) => Date.parse(time.replace(/\.\d+Z$/, 'Z')) * 1000 + Number(time.slice(20, 26))
    const seals = lines('seals').map(line => line.split(' '))
    expect(seals.map(([size]) => size)).toEqual(['1', '2', '3'])
    for (const [i, [size, epoch, mac]] of seals.entries()) {
      expect(Number(epoch)).toBe(Math.floor((micros(parsed[i].time) - micros(start)) / (15 * 60 * 1e6)))
      const text = `memmimic-audit/seal/v1\n${origin}\n${size}\n${roots[i]!.toString('hex')}\n`
      expect(mac).toBe(createHmac('sha256', keys[Number(epoch)]!).update(text).digest('hex'))
    }
  })

  it('follows from the page: the checkpoint, its two signatures, and the proof', () => {
    const text = `example.com/log\n3\n${roots[2]!.toString('base64')}\n`
    expect(note.startsWith(`${text}\n— example.com/log `)).toBe(true)
    const uint64 = (value: bigint) => {
      const out = Buffer.alloc(8)
      out.writeBigUInt64BE(value)
      return out
    }
    const name = Buffer.from('example.com/log')
    const prefixes = ['302a300506032b6570032100', '30820532300b06096086480165030403110382052100']
    for (const [i, vkey] of lines('verifier keys').entries()) {
      const [, id = '', base64 = ''] = /^[^+]+\+([0-9a-f]{8})\+(.+)$/.exec(vkey) ?? []
      const typeAndKey = Buffer.from(base64, 'base64')
      expect(typeAndKey[0]).toBe([0x01, 0x06][i])
      expect(id).toBe(sha256(name, byte(0x0a), typeAndKey).subarray(0, 4).toString('hex'))
      const der = Buffer.concat([Buffer.from(prefixes[i]!, 'hex'), typeAndKey.subarray(1)])
      const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
      const line = Buffer.from(note.trimEnd().split('\n')[4 + i]!.split(' ')[2]!, 'base64')
      expect(line.subarray(0, 4).toString('hex')).toBe(id)
      const message = Buffer.concat([
        Buffer.from('subtree/v1\n\0'),
        byte(name.length),
        name,
        line.subarray(4, 12),
        byte(name.length),
        name,
        uint64(0n),
        uint64(3n),
        roots[2]!,
      ])
      const right =
        i === 0 ? verify(null, Buffer.from(text), key, line.subarray(4)) : verify(null, message, key, line.subarray(12))
      expect(right).toBe(true)
    }
    const [header, index, ...path] = lines('proof')
    expect([header, index]).toEqual(['c2sp.org/tlog-proof@v1', 'index 1'])
    expect(path).toEqual([hashes[0]!, hashes[2]!].map(hash => hash.toString('base64')))
  })
})

/** The log of the format page: three entries in two commits, written by the real commit path with keys that everyone knows. */
async function writeExample(folder: string) {
  const origin = 'example.com/log'
  const world = fixedWorld()
  const start = world.now()
  const key = (der: string, seed: number) =>
    createPrivateKey({
      key: Buffer.concat([Buffer.from(der, 'hex'), Buffer.alloc(32, seed)]),
      format: 'der',
      type: 'pkcs8',
    })
  const ed25519 = key('302e020100300506032b657004220420', 1)
  const mldsa44 = key('3034020100300b060960864801650304031104228020', 2)
  const raw = (from: KeyObject, length: number) =>
    createPublicKey(from).export({ type: 'spki', format: 'der' }).subarray(-length)
  const vkeys = [formatVkey(origin, 0x01, raw(ed25519, 32)), formatVkey(origin, 0x06, raw(mldsa44, 1312))] as const
  const sealKey = { origin, start, epoch: 0, key: Buffer.alloc(32, 3) }
  const files = {
    'log.vkeys': `${vkeys.join('\n')}\n`,
    'ed25519.pem': ed25519.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'mldsa44.pem': mldsa44.export({ type: 'pkcs8', format: 'pem' }).toString(),
    'seal.key': `${formatSealKey(sealKey)}\n`,
  }
  mkdirSync(folder, { mode: 0o700 })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600 })

  const store = new MemoryStore()
  const anchor = { read: () => undefined, write: () => {} }
  const sequencer = new Sequencer({ store, keys: loadKeys(folder), anchor, world })
  const ids = new IdSource(world)
  const draft = (entry: EntryInput, time: number, control = false) =>
    captureEntry(entry, { id: ids.next(time), time, control })
  const attributes = { origin, 'vkey.ed25519': vkeys[0], 'vkey.mldsa44': vkeys[1] }
  await sequencer.commit([draft({ operation: 'log.created', component: 'memmimic-audit', attributes }, start, true)])
  const about = {
    operation: 'tools/call',
    component: 'memory',
    attributes: { 'gen_ai.tool.name': 'delete_entities' },
    actor: { type: 'agent', id: 'claude' },
  }
  const intent = draft({ ...about, kind: 'intent', arguments: { entityNames: ['Zoë'] } }, world.now())
  world.time += 15 * 60e6
  const end = {
    outcome: 'success',
    performanceMetrics: { durationMs: 900_001 },
    operationResult: { deleted: 1 },
  } as const
  await sequencer.commit([intent, draft({ ...about, ...end, kind: 'outcome', intent: intent.id }, world.now())])
  await sequencer.checkpoint()
  return { store, sealKey, vkeys: [...vkeys] }
}
