/**
 * The parsers of this product, each with a few good inputs and with what must hold whatever it is given: the documented
 * result or the documented error, one spelling for one meaning, and the same reading wherever a thing is read twice.
 */
import { createHash } from 'node:crypto'
import { zstdCompressSync } from 'node:zlib'
import canonicalizeOther from 'canonicalize'
import { expect } from 'vitest'
import { decodeDrafts, encodeDrafts } from '../../src/append/draft-codec.ts'
import { settingsFromEnvironment } from '../../src/config/environment.ts'
import { judgeConfig } from '../../src/config/resolve.ts'
import { configSchema } from '../../src/config/schema.ts'
import { parseYamlFile } from '../../src/config/yaml-file.ts'
import {
  equal,
  fromBase64,
  fromBase64url,
  fromHex,
  fromUtf8,
  toBase64,
  toBase64url,
  toHex,
  utf8,
} from '../../src/core/bytes.ts'
import { captureEntry } from '../../src/core/capture.ts'
import {
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  peekCheckpoint,
  signCheckpoint,
} from '../../src/core/checkpoint.ts'
import { parseCondition } from '../../src/core/condition-text.ts'
import {
  decodeTimestampedSignature,
  ed25519Cosigner,
  encodeTimestampedSignature,
  mldsa44Signer,
  mldsa44Verifier,
} from '../../src/core/cosignature.ts'
import type { EntryInput } from '../../src/core/entry.ts'
import { AuditError, type AuditErrorCode } from '../../src/core/errors.ts'
import { compileFilter, type EntryFilter } from '../../src/core/filter.ts'
import { parseInstant } from '../../src/core/instant.ts'
import { canonicalize, parseJson } from '../../src/core/json.ts'
import { judgeLeaf, leafText, parseLeaf } from '../../src/core/leaf.ts'
import { ed25519Signer, ed25519Verifier, formatNote, openNote, parseNote } from '../../src/core/note.ts'
import { formatRanges, parseRanges } from '../../src/core/ranges.ts'
import { formatSealKey, parseSealKey } from '../../src/core/seal.ts'
import {
  commitment,
  formatContent,
  formatPreimage,
  parseContent,
  parsePreimage,
  preimageName,
} from '../../src/core/sealed.ts'
import { wordsOf } from '../../src/core/search-text.ts'
import { entriesPath, formatBundle, parseBundle, parseTilePath, tilePath } from '../../src/core/tile.ts'
import { formatTime, parseTime, uuidv7, uuidv7Time } from '../../src/core/time.ts'
import { checkTlogProof, formatTlogProof, parseTlogProof } from '../../src/core/tlog-proof.ts'
import { openEntryWithDisclosures, readContent, readLeaf } from '../../src/core/view.ts'
import { visible, visibleJson } from '../../src/core/visible.ts'
import { formatVkey, parseVkey } from '../../src/core/vkey.ts'
import {
  formatEnd,
  formatEntry,
  formatHeader,
  LineDigest,
  parseEnd,
  parseEntry,
  parseHeader,
} from '../../src/export/bundle-format.ts'
import { verifyBundle } from '../../src/export/verify-bundle.ts'
import { LineSplitter } from '../../src/mcp/framing.ts'
import { McpRecorder } from '../../src/mcp/recorder.ts'
import { entryOfSeed } from '../../src/migrate/seed-entry.ts'
import { packContents, packLeaves, unpackContents, unpackLeaves } from '../../src/store/block.ts'
import { sampleViews } from '../export/support.ts'
import { FakeLog } from '../mcp/support.ts'
import { ed25519Key, mldsa44Key } from '../support/keys.ts'
import { sample } from '../support/log.ts'
import { ReferenceTree } from '../support/reference-tree.ts'

export interface Target {
  readonly name: string
  /** Good inputs, and some that nearly are. */
  readonly corpus: readonly (string | Uint8Array)[]
  /** Words that mean something here. */
  readonly words?: readonly string[]
  /** Milliseconds that one input of at most 64 kB may take; 50 unless given. */
  readonly mostMs?: number
  /** Throws when something does not hold. */
  check(input: Uint8Array): void | Promise<void>
}

/** What `parse` makes of an input, or `undefined` when it refuses it as it may. */
export function accepted<T>(parse: () => T, ...codes: AuditErrorCode[]): T | undefined {
  try {
    return parse()
  } catch (error) {
    checkRefusal(error, codes)
    return undefined
  }
}

/** A refusal is an error of ours with a code that is documented, and a sentence that can be shown as it is. */
export function checkRefusal(error: unknown, codes: readonly AuditErrorCode[]): void {
  if (!(error instanceof AuditError)) throw new Error(`it throws ${String(error)}`, { cause: error })
  if (!codes.includes(error.code)) throw new Error(`it refuses with ${error.code}: ${error.message}`, { cause: error })
  checkSentence(error.message)
  // A path is for a program, and as long as the way there is.
  if (error.path !== undefined && visible(error.path) !== error.path)
    throw new Error(`a path hides something: ${visibleJson(error.path)}`)
}

function checkSentence(sentence: string): void {
  if (visible(sentence) !== sentence)
    throw new Error(`a sentence hides something: ${visibleJson(sentence.slice(0, 300))}`)
  if (sentence.length > 600) throw new Error(`a sentence has ${sentence.length} characters: ${sentence.slice(0, 200)}`)
}

function same(actual: unknown, wanted: unknown, what: string): void {
  if (actual instanceof Uint8Array && wanted instanceof Uint8Array ? equal(actual, wanted) : Object.is(actual, wanted))
    return
  expect(actual, what).toEqual(wanted)
}

const text = (input: Uint8Array) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(input)
/** As a caller's text may be: also with lone surrogates. */
const looseText = (input: Uint8Array) => {
  const strict = fromUtf8(input)
  if (strict !== undefined) return strict
  return Buffer.from(input).toString('utf16le')
}

// Good inputs

const origin = 'log.example/audit'
const ed = ed25519Key(new Uint8Array(32).fill(1))
const pq = mldsa44Key()
const witness = ed25519Key(new Uint8Array(32).fill(2))
const signers = [
  ed25519Signer(origin, ed.publicKey, ed.sign),
  mldsa44Signer(origin, pq.publicKey, pq.sign, 1_795_442_820),
]
const cosigner = ed25519Cosigner('witness.example', witness.publicKey, witness.sign, 1_795_442_830)
const vkeys = [
  formatVkey(origin, 1, ed.publicKey),
  formatVkey(origin, 6, pq.publicKey),
  formatVkey('witness.example', 4, witness.publicKey),
]
const verifiers = vkeys.map(parseVkey)
const time = Date.UTC(2026, 10, 23, 14, 7) * 1000

const control = {
  operation: 'log.created',
  component: 'memmimic-audit',
  attributes: { origin, 'vkey.ed25519': vkeys[0]!, 'vkey.mldsa44': vkeys[1]! },
}
const inputs: EntryInput[] = [
  { operation: 'remember', component: 'memory' },
  ...Array.from({ length: 4 }, (_, i) => sample(i)),
  {
    operation: 'tools/call',
    component: 'server',
    kind: 'outcome',
    outcome: 'failure',
    intent: uuidv7(1_700_000_000_000, new Uint8Array(10)),
    trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    securityLevel: 'secret',
    complianceFlags: ['a', 'b ü'],
    governanceStatus: 'approved',
    performanceMetrics: { ms: 12.5, n: 1e15, tiny: 5e-324 },
    attributes: { text: 'über 🌍 "x"', n: -1.5, yes: true, '1': 1, '10': 2 },
    sealed: { 'a name': [1, { b: null }], other: 'x' },
  },
]
const preimagesOf = (sealed: readonly string[]) =>
  sealed.flatMap((name, i) =>
    i % 2 === 0 ? [formatPreimage({ salt: new Uint8Array(16).fill(i + 1), name, json: sealed[i + 1]! })] : [],
  )
const entries = inputs.map((input, seq) => {
  const draft = captureEntry(input, { id: uuidv7(1_795_442_820_000 + seq, new Uint8Array(10).fill(seq)), time })
  const preimages = preimagesOf(draft.sealed)
  const leaf = utf8(
    leafText(draft, { seq, time: time + seq, previousHash: 'ab'.repeat(32) }, preimages.map(commitment)),
  )
  return { draft, leaf, content: formatContent(preimages), preimages }
})
const tree = new ReferenceTree()
for (const { leaf } of entries) tree.append(leaf)
const size = entries.length
const checkpoint = signCheckpoint({ origin, size, root: tree.hash(0, size) }, [...signers, cosigner])
const checkpointText = parseNote(checkpoint).text
const tlogProofs = [0, 3].map(index =>
  formatTlogProof({ index, path: tree.path(index, 0, size), checkpoint, ...(index === 3 && { extra: utf8('["x"]') }) }),
)
const views = sampleViews().slice(0, 12)

const bundleHeader = formatHeader({
  origin,
  vkeys: vkeys.slice(0, 2),
  rotations: [{ vkeys: vkeys.slice(0, 2), checkpoint, leaf: text(entries[1]!.leaf), proof: tree.path(1, 0, size) }],
  checkpoint,
  consistency: [
    [2, 0],
    [4, 1],
  ].map(([from]) => ({ size: from!, path: tree.subproof(from!, 0, size, true) })),
  whole: [
    [0, 2],
    [4, 5],
  ],
  filter: { operation: 'remember' },
})
const plainHeader = formatHeader({
  origin,
  vkeys: vkeys.slice(0, 2),
  rotations: [],
  checkpoint,
  consistency: [],
  whole: [[0, size - 1]],
})
const bundleEntries = entries.map(({ leaf, preimages }, i) =>
  formatEntry({
    leaf: text(leaf),
    proof: tree.path(i, 0, size),
    disclosures: preimages.map(preimage => {
      const { salt, name, json } = parsePreimage(preimage)
      return [toBase64url(salt), name, json]
    }),
  }),
)
function bundle(header: string): string {
  const lines = [header, ...bundleEntries]
  const digest = new LineDigest()
  for (const line of lines) digest.add(line)
  return [...lines, formatEnd({ count: bundleEntries.length, digest: digest.hex() }), ''].join('\n')
}

const jsons = [
  'null',
  '0',
  '-0',
  '1e2',
  '1.5',
  '"a\\u00e9\\n"',
  '[]',
  '{}',
  '[1,[2,[3]]]',
  '{"b":1,"a":{"c":[true,false,null]}}',
  '{"10":1,"9":2,"":3}',
  '"\\ud83d\\ude00"',
  '1e400',
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
  '9007199254740993',
  ...entries.map(({ leaf }) => text(leaf)),
]

const yaml = `# a comment
environment: production
log:
  file: audit.db
  encryption: none
server: { host: 127.0.0.1, port: 7330, allowedHosts: [a.example, b.example] }
logging:
  level: info
environments:
  testing:
    server: &x
      port: 7331
  development:
    server: *x
`
const mcp = [
  {
    jsonrpc: '2.0',
    id: 1,
    method: 'initialize',
    params: { protocolVersion: '2025-11-25', clientInfo: { name: 'c', version: '1' } },
  },
  { jsonrpc: '2.0', id: 1, result: { protocolVersion: '2025-11-25', serverInfo: { name: 's', version: '1' } } },
  {
    jsonrpc: '2.0',
    id: 'a',
    method: 'tools/call',
    params: {
      name: 'x',
      arguments: { a: [1, 'ü'] },
      _meta: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' },
    },
  },
  { jsonrpc: '2.0', id: 'a', result: { content: [{ type: 'text', text: 'ok' }], isError: false } },
  { jsonrpc: '2.0', id: 2, method: 'tools/list', params: {} },
  {
    jsonrpc: '2.0',
    id: 2,
    result: {
      tools: [{ name: 'x', description: 'd', inputSchema: { type: 'object' }, annotations: { destructiveHint: true } }],
    },
  },
  { jsonrpc: '2.0', method: 'notifications/cancelled', params: { requestId: 'a', reason: 'why' } },
  { jsonrpc: '2.0', id: 3, method: 'elicitation/create', params: { message: 'm' } },
  { jsonrpc: '2.0', id: 3, error: { code: -1, message: 'no' } },
  {
    jsonrpc: '2.0',
    id: 4,
    method: 'tools/call',
    params: { name: 'x', inputResponses: { k: { action: 'accept', content: {} } } },
  },
  {
    jsonrpc: '2.0',
    id: 4,
    result: {
      resultType: 'input_required',
      inputRequests: { k: { method: 'elicitation/create' } },
      task: { taskId: 't', status: 'working' },
    },
  },
].map(message => `${JSON.stringify(message)}\n`)

// What must hold

/** Strict JSON is JSON; what it gives is what everybody gives; and what is written of it is what others write. */
function checkJson(input: Uint8Array): void {
  const given = looseText(input)
  let theirs: { value: unknown } | undefined
  try {
    theirs = { value: JSON.parse(given) }
  } catch {
    theirs = undefined
  }
  const ours = accepted(() => ({ value: parseJson(given) }), 'bad_input')
  if (ours === undefined) return
  if (theirs === undefined) throw new Error('it is taken, and is no JSON')
  const canonical = canonicalize(ours.value)
  same(canonical, canonicalizeOther(theirs.value), 'canonical text')
  same(canonicalize(parseJson(canonical)), canonical, 'canonical text of the canonical text')
  // By the text, which tells -0 apart from nothing and an own __proto__ from an inherited one.
  same(JSON.stringify(ours.value), JSON.stringify(theirs.value), 'value')
}

/** A leaf that is read is canonical, and is read as the same by each who reads it. */
function checkLeaf(input: Uint8Array): void {
  const { leaf, problem } = parseLeaf(input)
  const strict = fromUtf8(input)
  if (problem !== undefined) checkSentence(problem)
  if (strict !== undefined && input.length <= 65_535)
    same(judgeLeaf(strict), { leaf, problem }.leaf === undefined ? { problem } : { leaf }, 'the judged leaf')
  if (leaf === undefined) return
  same(canonicalize(parseJson(strict!)), strict, 'spelling')
  same(canonicalize(leaf), strict, 'spelling of what was read')
  same(readLeaf({ seq: leaf.seq, leaf: input, content: input }), { leaf }, 'as a reader sees it')
}

function checkContent(input: Uint8Array): void {
  const preimages = accepted(() => parseContent(input), 'bad_format')
  const problem = readContent(input, () => undefined)
  if (problem !== undefined) checkSentence(problem)
  if (preimages === undefined) {
    if (problem === undefined) throw new Error('a reader finds nothing wrong with it')
    return
  }
  same(formatContent(preimages), input, 'the content written again')
  for (const preimage of preimages) {
    const disclosure = accepted(() => parsePreimage(preimage), 'bad_format')
    if (disclosure === undefined) continue
    same(formatPreimage(disclosure), preimage, 'the preimage written again')
    same(preimageName(preimage), disclosure.name, 'its name')
  }
  const { problem: said } = openEntryWithDisclosures({ seq: 1, leaf: entries[1]!.leaf, content: input })
  if (said !== undefined) checkSentence(said)
}

/** Bytes that are no block end in an error, whichever; those that are, in what was packed. */
function checkBlock(unpack: (data: Uint8Array) => Uint8Array[], pack: (parts: readonly Uint8Array[]) => Uint8Array) {
  return (input: Uint8Array) => {
    for (const data of [input, zstdCompressSync(input), Buffer.concat([new Uint8Array(4), zstdCompressSync(input)])]) {
      let parts: Uint8Array[]
      try {
        parts = unpack(data)
      } catch {
        continue
      }
      if (parts.length > 256) throw new Error(`it holds ${parts.length} entries`)
      same(unpack(pack(parts)).map(toHex), parts.map(toHex), 'what was packed again')
    }
  }
}

function checkCapture(input: Uint8Array): void {
  let value: unknown
  try {
    value = JSON.parse(text(input))
  } catch {
    return
  }
  const draft = accepted(
    () => captureEntry(value as EntryInput, { id: uuidv7(1, new Uint8Array(10)), time }),
    'bad_input',
  )
  if (draft === undefined) return
  same(decodeDrafts(encodeDrafts([draft, draft])), [draft, draft], 'the draft behind the border of a thread')
  const preimages = preimagesOf(draft.sealed)
  const leaf = utf8(leafText(draft, { seq: 5, time, previousHash: 'ab'.repeat(32) }, preimages.map(commitment)))
  const { problem } = parseLeaf(leaf)
  if (problem !== undefined) throw new Error(`the leaf that was made of it ${problem}`)
  const opened = openEntryWithDisclosures({ seq: 5, leaf, content: formatContent(preimages) })
  if (opened.problem !== undefined) throw new Error(opened.problem)
}

const noFiles = () => undefined

function checkConfig(input: Uint8Array): void {
  const file = accepted(() => parseYamlFile(text(input), 'audit.yaml'), 'bad_input')
  if (file === undefined) return
  const readFile = (name: string) => (name === '/audit.yaml' ? { text: text(input), isShared: false } : undefined)
  const judged = accepted(
    () => judgeConfig({ file: '/audit.yaml', env: {}, cwd: '/nowhere', readFile }),
    'bad_input',
    'not_found',
    'io',
    'bad_key',
  )
  for (const { at, sentence } of judged?.problems ?? []) {
    checkSentence(visible(at))
    checkSentence(visible(sentence))
  }
}

function checkEnvironment(input: Uint8Array): void {
  const env = Object.fromEntries(
    text(input)
      .replaceAll('\0', '')
      .split('\n')
      .map(line => [line.split('=', 1)[0]!, line.slice(line.indexOf('=') + 1)]),
  )
  const read = accepted(
    () => settingsFromEnvironment(env, configSchema, noFiles),
    'bad_input',
    'not_found',
    'bad_key',
    'io',
  )
  for (const { sentence } of read?.problems ?? []) checkSentence(visible(sentence))
  accepted(() => judgeConfig({ env, cwd: '/nowhere', readFile: noFiles }), 'bad_input', 'not_found', 'bad_key', 'io')
}

async function checkBundle(input: Uint8Array): Promise<void> {
  const report = await verifyBundle([input], { vkeys: vkeys.slice(0, 2), anchors: [checkpoint] })
  for (const { message } of report.findings) checkSentence(message)
  const cut = Math.floor(input.length / 2)
  const again = await verifyBundle([input.subarray(0, cut), input.subarray(cut)], {
    vkeys: vkeys.slice(0, 2),
    anchors: [checkpoint],
  })
  same(JSON.stringify(again), JSON.stringify(report), 'the report on the same in two pieces')
  if (report.valid) same(report.rootHash, toHex(tree.hash(0, size)), 'what is valid')
}

/** One line of a format in its one spelling. */
const line =
  <T>(parse: (line: string) => T | undefined, format: (value: T) => string, ...codes: AuditErrorCode[]) =>
  (input: Uint8Array) => {
    const given = looseText(input)
    const value = accepted(() => parse(given), ...codes)
    if (value !== undefined) same(format(value), given, 'what was read, written again')
  }

/** Lines are taken whatever they are, go on as they are, and whatever is recorded of them the log takes. */
async function checkMcp(input: Uint8Array): Promise<void> {
  const splitter = new LineSplitter()
  const cut = input.length % 97
  const lines = [...splitter.push(input.subarray(0, cut)), ...splitter.push(input.subarray(cut))]
  const rest = splitter.end()
  if (rest !== undefined) lines.push(rest)
  same(new Uint8Array(Buffer.concat(lines)), new Uint8Array(input), 'the lines together')
  let now = 0
  const log = new FakeLog()
  const session = { attributes: {} }
  const recorder = new McpRecorder({ log, name: 's', session, now: () => now++, newSessionId: () => 'session' })
  await recorder.open()
  for (const [i, one] of lines.slice(0, 300).entries()) {
    const before = Buffer.from(one)
    const direction = i % 2 === 0 ? 'client_to_server' : 'server_to_client'
    const refusal = await recorder.receive(direction, one)
    if (refusal !== undefined) throw new Error(`a line is refused: ${text(refusal).slice(0, 300)}`)
    same(before.equals(one), true, 'the line after it was read')
  }
  const { lost } = await recorder.close({
    outcome: 'success',
    attributes: {},
    pending: { outcome: 'unknown', attributes: {} },
  })
  if (lost > 0) throw new Error(`${lost} entries were not taken`)
}

function checkTimes(input: Uint8Array): void {
  const given = looseText(input)
  const micros = parseTime(given)
  if (micros !== undefined) {
    same(formatTime(micros), given, 'the time written again')
    same(parseInstant(given, '$'), micros, 'the instant')
  }
  const instant = accepted(() => parseInstant(given, '$.since'), 'bad_input')
  if (instant !== undefined && !Number.isFinite(instant)) throw new Error(`an instant of ${instant}`)
  const ms = uuidv7Time(given)
  if (ms !== undefined) same(uuidv7(ms, new Uint8Array(10)).slice(0, 13), given.slice(0, 13), 'the time in the id')
}

function checkBytes(input: Uint8Array): void {
  const given = looseText(input)
  for (const [from, to] of [
    [fromHex, toHex],
    [fromBase64, toBase64],
    [fromBase64url, toBase64url],
  ] as const) {
    const bytes = from(given)
    if (bytes !== undefined) same(to(bytes), given, 'the digits written again')
    same(from(to(input)), Uint8Array.from(input), 'the bytes')
  }
  const shown = visible(given)
  same(visible(shown), shown, 'what is visible')
  if (/[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069]/u.test(shown)) throw new Error('something is hidden')
  same(JSON.parse(visibleJson(given)), given, 'the text in visible JSON')
}

function checkSeedRow(input: Uint8Array): void {
  const columns = looseText(input).toWellFormed().split('\n')
  const names = [
    'entry_id',
    'timestamp',
    'operation',
    'component',
    'memory_id',
    'user_context',
    'operation_result',
    'governance_status',
    'performance_metrics',
    'security_level',
    'compliance_flags',
    'previous_hash',
    'entry_hash',
  ]
  const entry = Object.fromEntries(names.map((name, i) => [name, columns[i] ?? null]))
  const chain = { chain_position: columns.length, entry_id: entry.entry_id!, entry_hash: entry.entry_hash! }
  const row = entryOfSeed({ number: 1, mark: 'linked', entry, chain })
  try {
    captureEntry(row, { id: uuidv7(1, new Uint8Array(10)), time })
  } catch (error) {
    // Only a row that is too large for a leaf is refused: the import counts it.
    checkRefusal(error, ['bad_input'])
    if (!(error as Error).message.includes('the limit is'))
      throw new Error(`a row is refused: ${(error as Error).message}`)
  }
}

export const targets: readonly Target[] = [
  { name: 'json', corpus: jsons, check: checkJson },
  {
    name: 'leaf',
    corpus: entries.map(({ leaf }) => leaf),
    words: ['"v":1', '"seq":', '"sealed":{', ',"', 'NaN', '1.0', '1E5'],
    check: checkLeaf,
  },
  { name: 'content', corpus: entries.flatMap(({ content }) => [content]), check: checkContent },
  {
    name: 'leaves of a block',
    corpus: [
      packLeaves(entries.map(({ leaf }) => leaf)),
      new Uint8Array(100),
      packLeaves([]),
      Buffer.concat(entries.map(({ leaf }) => Buffer.concat([Uint8Array.of(leaf.length >> 8, leaf.length), leaf]))),
    ],
    check: checkBlock(unpackLeaves, packLeaves),
    mostMs: 200,
  },
  {
    name: 'contents of a block',
    corpus: [
      packContents(entries.map(({ content }) => content)),
      new Uint8Array(100),
      packContents([new Uint8Array(3)]),
    ],
    check: checkBlock(unpackContents, packContents),
    mostMs: 200,
  },
  {
    name: 'note',
    corpus: [checkpoint, 'a\n\n— a b3BlbnNlc2FtZQ==\n'],
    words: ['— ', '\n\n', '='],
    check: line(parseNote, ({ text, signatures }) => formatNote(text, signatures), 'bad_format'),
  },
  {
    name: 'signed note',
    corpus: [checkpoint],
    words: ['— ', `${origin} `, 'witness.example '],
    check(input) {
      const opened = accepted(() => openNote(looseText(input), verifiers), 'bad_format', 'bad_signature')
      if (opened !== undefined && opened.text !== checkpointText) throw new Error('another text is taken for signed')
      const head = accepted(() => openCheckpoint(looseText(input), origin, verifiers), 'bad_format', 'bad_signature')
      if (head !== undefined) same(peekCheckpoint(looseText(input)), head.checkpoint, 'the checkpoint at a glance')
    },
    mostMs: 100,
  },
  {
    name: 'checkpoint',
    corpus: [checkpointText, 'a\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n', `${checkpointText}more\n`],
    check: line(parseCheckpoint, formatCheckpoint, 'bad_format'),
  },
  {
    name: 'cosignature',
    corpus: parseNote(checkpoint).signatures.map(({ signature }) => signature),
    check(input) {
      const decoded = decodeTimestampedSignature(input)
      if (decoded !== undefined)
        same(encodeTimestampedSignature(decoded), Uint8Array.from(input), 'the signature written again')
      for (const verifier of [...verifiers, mldsa44Verifier('ü', pq.publicKey), ed25519Verifier('x', ed.publicKey)])
        verifier.verify(utf8(checkpointText), input)
    },
    mostMs: 100,
  },
  {
    name: 'vkey',
    corpus: vkeys,
    words: ['+'],
    check: line(
      parseVkey,
      verifier =>
        vkeys.find(vkey => parseVkey(vkey).keyId === verifier.keyId && parseVkey(vkey).name === verifier.name) ?? '',
      'bad_format',
    ),
  },
  {
    name: 'tlog-proof',
    corpus: tlogProofs,
    words: ['index ', 'extra ', 'c2sp.org/tlog-proof@v1'],
    check(input) {
      line(parseTlogProof, formatTlogProof, 'bad_format')(input)
      const proof = accepted(() => parseTlogProof(looseText(input)), 'bad_format')
      if (proof === undefined) return
      const shown = entries.filter(({ leaf }) =>
        accepted(() => checkTlogProof(proof, leaf, origin, verifiers), 'bad_format', 'bad_signature', 'bad_proof'),
      )
      for (const { leaf } of shown) same(leaf, entries[proof.index]!.leaf, 'the leaf that was proved')
    },
    mostMs: 100,
  },
  {
    name: 'tile path',
    corpus: [
      'tile/0/000',
      'tile/0/x001/234.p/56',
      'tile/63/x009/x007/x199/x254/x740/991',
      'tile/entries/x001/000.p/255',
    ],
    words: ['tile/', 'entries/', '/x001', '.p/'],
    check: line(
      parseTilePath,
      ({ level, index, width }) => (level === 'entries' ? entriesPath(index, width) : tilePath(level, index, width)),
      'bad_format',
    ),
  },
  {
    name: 'entry bundle',
    corpus: [formatBundle(entries.map(({ leaf }) => leaf)), formatBundle([new Uint8Array(0)])],
    check(input) {
      const leaves = accepted(() => parseBundle(input), 'bad_format')
      if (leaves !== undefined) same(formatBundle(leaves), Uint8Array.from(input), 'the bundle written again')
    },
  },
  {
    name: 'ranges',
    corpus: ['', '0', '0-99,120,300-301', '5,7,9-11'],
    words: ['-', ','],
    check: line(parseRanges, formatRanges, 'bad_format'),
  },
  {
    name: 'times',
    corpus: [
      '2026-11-23T14:07:00.123456Z',
      '2026-11-23T14:07:00+01:00',
      '2024-02-29t23:59:59.9999999z',
      '0000-01-01T00:00:00Z',
      uuidv7(1_795_442_820_000, new Uint8Array(10)),
    ],
    check: checkTimes,
  },
  {
    name: 'seal key',
    corpus: [formatSealKey({ origin, start: time, epoch: 3, key: new Uint8Array(32) })],
    check: line(
      text => ({ ...parseSealKey(text), text }),
      key => key.text.replace(key.text.trim(), formatSealKey(key)),
      'bad_key',
    ),
  },
  {
    name: 'digits and shown text',
    corpus: ['00ff', 'AAA=', 'AAA', '\u202eabc\u0007', '\ud83d\ude00'],
    mostMs: 200,
    check: checkBytes,
  },
  {
    name: 'condition',
    corpus: [
      'performanceMetrics.ms gt 12.5',
      "operationResult.text contains 'two words'",
      'operation in a,b,"c,d"',
      'time between 2026-01-01T00:00:00Z,2027-01-01T00:00:00Z',
      'seq is_not_null',
      'securityLevel gte secret',
      'sealed.x eq {"a":1}',
    ],
    words: [' eq ', ' in ', ' between ', 'actor', 'time', 'seq', "'", ','],
    check(input) {
      const given = looseText(input)
      const condition = accepted(() => parseCondition(given), 'bad_input')
      if (condition === undefined) return
      const filter = compileFilter({ where: [condition] })
      for (const view of views) filter.matches(view)
    },
  },
  {
    name: 'search',
    corpus: ['two words', '"a phrase" more', 'Ünïcode'],
    words: ['"'],
    check(input) {
      const given = looseText(input)
      const words = accepted(() => wordsOf(given), 'bad_input')
      if (words === undefined) return
      const filter = compileFilter({ text: given })
      for (const view of views) filter.matches(view)
    },
  },
  {
    name: 'filter',
    corpus: [
      { operation: ['remember', 'x'], since: '2026-11-23T14:00:00+01:00' },
      {
        where: [
          { field: 'operationResult.text', op: 'contains', value: 'x', caseSensitive: false },
          { field: 'seq', op: 'between', value: [1, 5] },
        ],
      },
      { actor: 'agent:claude', memoryId: [1, 'a'], text: 'x', until: 1e15, flag: 'gdpr' },
      {
        where: [
          { field: 'actor', op: 'eq', value: { type: 'agent' } },
          { field: 'time', op: 'lt', value: '2026-11-23T14:00:00+01:00' },
          { field: 'securityLevel', op: 'in', value: ['secret'] },
        ],
      },
    ].map(filter => JSON.stringify(filter)),
    words: ['"where"', '"field"', '"op"', '"value"', '"caseSensitive"', '"securityLevel"'],
    check(input) {
      let value: unknown
      try {
        value = JSON.parse(text(input))
      } catch {
        return
      }
      const filter = accepted(() => compileFilter(value as EntryFilter), 'bad_input')
      if (filter !== undefined) for (const view of views) filter.matches(view)
    },
  },
  {
    name: 'entry',
    corpus: [...inputs, control].map(input => JSON.stringify(input)),
    words: ['"operation"', '"component"', '"sealed"', '"attributes"', '"actor"', '"onBehalfOf"'],
    check: checkCapture,
  },
  {
    name: 'header of a bundle',
    corpus: [bundleHeader, plainHeader],
    check: line(parseHeader, formatHeader, 'bad_format', 'bad_input'),
  },
  {
    name: 'entry of a bundle',
    corpus: bundleEntries,
    check(input) {
      const given = looseText(input)
      line(parseEntry, formatEntry, 'bad_format')(input)
      const entry = accepted(() => parseEntry(given), 'bad_format')
      if (entry !== undefined) same(fromUtf8(utf8(entry.leaf)), entry.leaf, 'the leaf as bytes')
    },
  },
  {
    name: 'end of a bundle',
    corpus: [formatEnd({ count: 7, digest: createHash('sha256').digest('hex') })],
    check: line(parseEnd, formatEnd),
  },
  { name: 'bundle', corpus: [bundle(plainHeader), bundle(bundleHeader)], check: checkBundle, mostMs: 200 },
  {
    name: 'configuration',
    corpus: [yaml, 'server:\n  port: 1\n', '{}', '', 'a: &a [*a]'],
    words: ['server:', 'port', 'environments:', ': ', '\n  ', '- ', '&x ', '*x', '<<: *x', '!!binary ', '? '],
    check: checkConfig,
    mostMs: 5000,
  },
  {
    name: 'environment',
    corpus: [
      'MEMMIMIC_AUDIT_SERVER__PORT=7330\nPORT=80\nLOG_LEVEL=INFO',
      'MEMMIMIC_AUDIT_SERVER__ALLOWED_HOSTS=a,b\nMEMMIMIC_AUDIT_LOG__FILE=x',
    ],
    words: ['MEMMIMIC_AUDIT_', '__', '_FILE', 'SERVER', 'LOG', '=', '\n', '0', '__proto__'],
    check: checkEnvironment,
    mostMs: 5000,
  },
  {
    name: 'MCP',
    corpus: [
      ...mcp,
      mcp.join(''),
      `[${mcp[2]!.trim()},${mcp[4]!.trim()}]\n`,
      `${mcp[0]}${mcp[1]}${mcp[2]!.trim()}\r${mcp[4]}`,
    ],
    words: [
      '"method":"tools/call"',
      '"id":',
      '"params":',
      '"result":',
      '"error":',
      '"inputResponses"',
      '\r',
      '\u2028',
      '\n',
      '"arguments":',
      '"name":',
      '"isError":true',
    ],
    check: checkMcp,
    mostMs: 250,
  },
  {
    name: 'row of the seed',
    corpus: [
      [
        'id',
        '2025-07-22T10:00:00.123456+00:00',
        'remember',
        'memory',
        'mem_1',
        '{"user_id":"u"}',
        '{"success":true}',
        'approved',
        '{"ms":1.5}',
        'standard',
        '["audit"]',
        'ab',
        'cd',
      ].join('\n'),
    ],
    words: ['\n', '{"', 'NaN'],
    check: checkSeedRow,
  },
]
