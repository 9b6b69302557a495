/**
 * The check of a bundle, with nothing else at hand: no log, no disk, no clock. It imports `core/` and the format of the
 * bundle alone, so that a browser or a phone runs it as it is.
 */
import { toHex, utf8 } from '../core/bytes.ts'
import { type Checkpoint, type OpenedCheckpoint, openCheckpoint, peekCheckpoint } from '../core/checkpoint.ts'
import type { Leaf } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { type Finding, type FindingType, finding, type Trust, type VerificationReport } from '../core/finding.ts'
import { genesisHash, leafHash } from '../core/hash.ts'
import { canonicalize, parseJson } from '../core/json.ts'
import { parseLeaf } from '../core/leaf.ts'
import { signatureTypes, type Verifier } from '../core/note.ts'
import { checkConsistency, checkInclusion } from '../core/proof.ts'
import { gapsIn, type Range, unite } from '../core/ranges.ts'
import { commitment, formatPreimage, saltOf } from '../core/sealed.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'
import { parseVkey } from '../core/vkey.ts'
import {
  type BundleDisclosure,
  type BundleEntry,
  type BundleHeader,
  bundleFormat,
  LineDigest,
  linesOf,
  parseEnd,
  parseEntry,
  parseHeader,
  type Rotation,
} from './bundle-format.ts'

export interface VerifyBundleOptions {
  /** Verifier keys of the log, known from elsewhere than the bundle. Without them only the bundle says whose it is. */
  readonly vkeys?: readonly string[]
  /** Signed checkpoints of the log that were remembered elsewhere. */
  readonly anchors?: readonly string[]
  /** Bytes that one line may have; 128 MiB unless given. */
  readonly maxLineBytes?: number
  /** Given each leaf that is proved, in order, with the values that are open in it. */
  readonly onEntry?: (leaf: Leaf, values: { readonly [name: string]: unknown }) => void
  /** Milliseconds, monotonic; for `durationMs`, which is 0 without one. */
  readonly clock?: () => number
}

/** As for a log; `entries` are those in the bundle, `size` and `rootHash` what its checkpoint says of the log. */
export interface BundleReport extends VerificationReport {
  /** The format that the file says it has; empty when it is no bundle at all. */
  readonly format: string
  /** The log that the entries are of; empty when that cannot be read. */
  readonly origin: string
  /** The entries of which the bundle holds every one, as it claims; absent from a selection, which is never `complete`. */
  readonly whole?: readonly Range[]
  /** Sealed values that are open, and that are closed. */
  readonly values: { readonly open: number; readonly closed: number }
  /** What could not be judged, in sentences: an anchor that the bundle has no proof for. */
  readonly undecided: readonly string[]
}

/**
 * Checks a bundle. What is wrong is in the report, never thrown.
 *
 * `trust` is `chained` when only the bundle's own keys speak, `signed` when `vkeys` are given, `anchored` when an anchor
 * agrees. Memory does not grow with the bundle.
 *
 * @param bytes the file, in pieces of any size
 * @throws AuditError `bad_format` when one of `vkeys` is no verifier key; what reading `bytes` throws
 * @example const { valid, trust, findings } = await verifyBundle(createReadStream('evidence.bundle'), { vkeys })
 */
export async function verifyBundle(
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: VerifyBundleOptions = {},
): Promise<BundleReport> {
  const clock = options.clock ?? (() => 0)
  const started = clock()
  const check = new BundleCheck(options)
  try {
    for await (const line of linesOf(bytes, options.maxLineBytes ?? 128 * 1024 * 1024)) check.line(line)
    check.end()
  } catch (error) {
    if (!(error instanceof AuditError)) throw error
    check.brokenOff(error.message)
  }
  return { ...check.report(), durationMs: clock() - started }
}

/** The types of the two keys of a log, in their order. */
const signingTypes = [signatureTypes.ed25519, signatureTypes.mldsa44Cosignature]

/** Findings that are listed; the others are counted. */
const maxListed = 10_000

/** Lines that are no entries, after which a file is none that is worth reading on. */
const mostUnreadable = 1000

/** The entry before, as far as the next one is held against it. */
interface Previous {
  readonly seq: number
  readonly hash: string
  readonly time: Micros
  readonly isProved: boolean
}

class BundleCheck {
  readonly #options: VerifyBundleOptions
  readonly #digest = new LineDigest()
  readonly #findings: Finding[] = []
  #omitted = 0
  #header: BundleHeader | undefined
  #checkpoint: Checkpoint | undefined
  #format = ''
  readonly #pinned: readonly (readonly KnownKey[])[]
  #anchored = false
  readonly #undecided: string[] = []
  /** Lines that are entries or should be. */
  #lines = 0
  #entries = 0
  #unreadable = 0
  /** Whether an entry is missing, also when that is not listed any more. */
  #isMissing = false
  #hasEnd = false
  #previous: Previous | undefined
  /** The numbers seen, in the order of the file. */
  readonly #seen: [first: number, last: number][] = []
  #open = 0
  #closed = 0

  constructor(options: VerifyBundleOptions) {
    this.#options = options
    this.#pinned = generationsOf(options.vkeys ?? [])
  }

  line(line: string): void {
    if (this.#header === undefined) this.#begin(line)
    else if (this.#hasEnd) throw new AuditError('bad_format', 'something stands behind its end')
    else {
      const end = parseEnd(line)
      if (end === undefined) this.#entry(line)
      else this.#last(end.count, end.digest)
    }
    this.#digest.add(line)
  }

  end(): void {
    if (this.#header === undefined) throw new AuditError('bad_format', 'it is empty')
    if (!this.#hasEnd) throw new AuditError('bad_format', 'its last line is missing: it was cut short')
    this.#missing()
  }

  /** The file cannot be read to its end. What it claims to hold is missing from here on. */
  brokenOff(problem: string): void {
    this.#find('format_invalid', `this is not a whole bundle: ${problem}`)
    if (this.#header !== undefined) this.#missing()
  }

  report(): Omit<BundleReport, 'durationMs'> {
    const { origin = '', whole } = this.#header ?? {}
    const first = Math.min(...this.#findings.map(({ seq = Number.POSITIVE_INFINITY }) => seq))
    const valid = this.#findings.length === 0
    return {
      valid,
      complete: whole !== undefined && this.#hasEnd && !this.#isMissing,
      trust: this.#trust(),
      entries: this.#entries,
      size: this.#checkpoint?.size ?? 0,
      rootHash: this.#checkpoint === undefined ? '' : toHex(this.#checkpoint.root),
      findings: this.#findings.toSorted(
        (a, b) => (a.seq ?? Number.MAX_SAFE_INTEGER) - (b.seq ?? Number.MAX_SAFE_INTEGER),
      ),
      findingsOmitted: this.#omitted,
      ...(first === Number.POSITIVE_INFINITY ? {} : { firstUntrusted: first }),
      declared: [],
      missing: [],
      format: this.#format,
      origin,
      ...(whole && { whole }),
      values: { open: this.#open, closed: this.#closed },
      undecided: this.#undecided,
    }
  }

  #trust(): Trust {
    if (this.#anchored) return 'anchored'
    return this.#pinned.length > 0 ? 'signed' : 'chained'
  }

  #find(type: FindingType, message: string, facts: Omit<Finding, 'type' | 'severity' | 'message'> = {}): void {
    this.#isMissing ||= type === 'missing_entry'
    if (this.#findings.length < maxListed) this.#findings.push(finding(type, message, facts))
    else this.#omitted++
  }

  // The header: whose log, and what was signed of it

  #begin(line: string): void {
    this.#format = bundleFormat(line)
    const header = parseHeader(line)
    this.#header = header
    const stranger = this.#pinned.flat().find(({ key }) => key.name !== header.origin)
    if (stranger !== undefined) {
      const names = { expected: stranger.key.name, actual: header.origin }
      this.#find('foreign_entry', `the bundle is of the log ${header.origin}, not of ${stranger.key.name}`, names)
    }
    this.#checkpoint = peekCheckpoint(header.checkpoint)
    const generations = this.#generations(header)
    const opened = open(header.checkpoint, header.origin, generations.at(-1)!)
    if (typeof opened === 'string') {
      this.#find('signature_invalid', `the checkpoint is not signed by the log's keys: ${opened}`)
    }
    for (const anchor of this.#options.anchors ?? []) this.#anchor(anchor, generations)
  }

  /** The keys of the log, generation by generation: each has vouched for the next, and one is known where any is. */
  #generations({ origin, vkeys, rotations }: BundleHeader): Verifier[][] {
    const texts = [...rotations.map(rotation => rotation.vkeys), vkeys]
    const generations = texts.map(pair => {
      const keys = pair.flatMap(parsedKey)
      // A log signs with one key of each type. Any other pair would be a way to have one signature less to forge.
      const isRight = ({ name, type }: Verifier, i: number) => name === origin && type === signingTypes[i]
      if (pair.length !== 2 || keys.length !== 2 || !keys.every(isRight)) {
        this.#find('signature_invalid', `the bundle does not name the two keys of ${origin}`)
      }
      return keys
    })
    rotations.forEach((rotation, i) => {
      if (vouches(rotation, origin, generations[i]!, texts[i + 1]!)) return
      this.#find('signature_invalid', 'the bundle names keys that the ones before them do not vouch for')
    })
    const isKnown = this.#pinned.some(known => texts.some(pair => known.every(({ vkey }) => pair.includes(vkey))))
    if (this.#pinned.length > 0 && !isKnown) {
      const message =
        'the keys that the bundle names are not the keys that are known outside it, as far as those were given'
      this.#find('signature_invalid', message)
    }
    return generations
  }

  /** A checkpoint from elsewhere must be signed by the log's keys and lie on the way to the bundle's. */
  #anchor(note: string, generations: readonly (readonly Verifier[])[]): void {
    const { origin, consistency } = this.#header!
    const known = this.#pinned.map(pair => pair.map(({ key }) => key))
    const tried = [...generations, ...known].map(keys => open(note, origin, keys))
    const opened = tried.find(result => typeof result !== 'string')
    if (opened === undefined) {
      const theirs = peekCheckpoint(note)?.origin
      if (theirs !== undefined && theirs !== origin) {
        this.#find('foreign_entry', `the anchor is of the log ${theirs}, not of ${origin}`)
      } else this.#find('signature_invalid', `the anchor is not signed by the log's keys: ${tried.at(-1)}`)
      return
    }
    const { size, root } = opened.checkpoint
    const signed = this.#checkpoint
    if (signed === undefined) return
    const proof = size === signed.size ? [] : consistency.find(known => known.size === size)?.path
    if (proof === undefined) {
      const which = `${size} entries, and the bundle has no proof that leads from there to its ${signed.size}`
      this.#undecided.push(`the anchor is of ${which}: export it again with this anchor`)
    } else if (checkConsistency(proof, size, signed.size, root, signed.root)) {
      this.#anchored = true
    } else {
      const roots = { expected: toHex(root), actual: toHex(signed.root) }
      this.#find('fork', `the log of the bundle is not the one that was signed at ${size} entries`, roots)
    }
  }

  // The entries

  #entry(line: string): void {
    this.#lines++
    let entry: BundleEntry
    try {
      entry = parseEntry(line)
    } catch (error) {
      this.#find('format_invalid', `line ${this.#lines + 1}: ${(error as Error).message}`)
      if (++this.#unreadable > mostUnreadable)
        throw new AuditError('bad_format', 'too many of its lines are no entries')
      return
    }
    const bytes = utf8(entry.leaf)
    const { leaf, problem } = parseLeaf(bytes)
    if (leaf === undefined) {
      this.#find('format_invalid', `line ${this.#lines + 1}: the leaf ${problem}`)
      return
    }
    this.#entries++
    this.#see(leaf.seq)
    const hash = leafHash(bytes)
    const isProved = this.#prove(leaf, hash, entry.proof)
    if (isProved) this.#time(leaf)
    this.#previous = { seq: leaf.seq, hash: toHex(hash), time: parseTime(leaf.time)!, isProved }
    const values = this.#disclosures(leaf, entry.disclosures)
    if (isProved) this.#options.onEntry?.(leaf, values)
  }

  /** Is it in the tree that was signed, and behind the entry that it names? */
  #prove(leaf: Leaf, hash: Uint8Array, path: readonly Uint8Array[]): boolean {
    const { seq, id } = leaf
    const facts = { seq, id }
    const { size, root } = this.#checkpoint ?? { size: 0, root: new Uint8Array(0) }
    const isProved = checkInclusion(path, seq, size, hash, root)
    const before = this.#previous
    if (before !== undefined && seq <= before.seq) {
      const message = `entry ${seq} stands behind entry ${before.seq}`
      this.#find('chain_break', message, { ...facts, actual: String(before.seq) })
      return isProved
    }
    const link = seq === 0 ? genesisHash(this.#header!.origin) : before?.seq === seq - 1 ? before.hash : undefined
    const isLinked = link === undefined || link === leaf.previousHash
    if (!isProved && !isLinked) {
      this.#find('foreign_entry', `entry ${seq} is not of this log: neither its tree nor its chain knows it`, facts)
    } else if (!isProved) {
      const message = `entry ${seq} is not the one that was signed: its proof does not lead to the root`
      this.#find('hash_mismatch', message, { ...facts, actual: toHex(hash) })
    } else if (!isLinked && (before?.isProved ?? true)) {
      const hashes = { expected: link, actual: leaf.previousHash }
      this.#find('chain_break', `entry ${seq} does not follow the entry before it`, { ...facts, ...hashes })
    } else if (seq > 0 && leaf.operation === 'log.created' && leaf.kind === 'control') {
      this.#find('foreign_entry', `entry ${seq} begins a second log inside this one`, facts)
    }
    return isProved
  }

  #time({ seq, id, time }: Leaf): void {
    const before = this.#previous
    if (!before?.isProved || seq <= before.seq || parseTime(time)! >= before.time) return
    const times = { expected: `${formatTime(before.time)} or later`, actual: time }
    this.#find('temporal_violation', `entry ${seq} is older than entry ${before.seq}`, { seq, id, ...times })
  }

  #disclosures(leaf: Leaf, disclosures: readonly BundleDisclosure[]): { [name: string]: unknown } {
    const { seq, id, sealed = {} } = leaf
    const values: Record<string, unknown> = {}
    for (const [salt, name, json] of disclosures) {
      const bytes = saltOf([salt, name, json])
      const committed = Object.hasOwn(values, name) || !Object.hasOwn(sealed, name) ? undefined : sealed[name]
      if (bytes === undefined || committed !== commitment(formatPreimage({ salt: bytes, name, json }))) {
        const message = `${name} of entry ${seq} is not the value that was committed to`
        this.#find('disclosure_mismatch', message, { seq, id, actual: name })
        continue
      }
      const value = plainValue(json)
      if (value === undefined) {
        this.#find('format_invalid', `${name} of entry ${seq} is not in canonical spelling`, { seq, id })
        continue
      }
      this.#open++
      Object.defineProperty(values, name, { value: value.value, enumerable: true })
    }
    this.#closed += Object.keys(sealed).length - Object.keys(values).length
    return values
  }

  /** Remembers which entries came, as far as the bundle claims to hold them all. */
  #see(seq: number): void {
    if (this.#header!.whole === undefined) return
    const last = this.#seen.at(-1)
    if (last !== undefined && last[1] === seq - 1) last[1] = seq
    else this.#seen.push([seq, seq])
  }

  // The end

  #last(count: number, digest: string): void {
    this.#hasEnd = true
    if (count !== this.#lines) {
      const type = count > this.#lines ? 'missing_entry' : 'format_invalid'
      const counts = { expected: String(count), actual: String(this.#lines) }
      this.#find(type, `the bundle was written with ${count} entries; it holds ${this.#lines}`, counts)
    } else if (digest !== this.#digest.hex() && this.#findings.length === 0) {
      const digests = { expected: digest, actual: this.#digest.hex() }
      this.#find(
        'format_invalid',
        'the lines are not those that were written: the digest at the end is another',
        digests,
      )
    }
  }

  /** What the bundle claims to hold and does not, and the other way round. */
  #missing(): void {
    const { whole } = this.#header!
    if (whole === undefined) return
    const seen = unite(this.#seen)
    for (const [first, last] of outside(whole, seen)) {
      const which = first === last ? `entry ${first} is` : `the entries ${first} to ${last} are`
      this.#find('missing_entry', `${which} not in the bundle, which claims to hold them`, { seq: first })
    }
    for (const [first] of outside(seen, whole)) {
      this.#find('format_invalid', `entry ${first} is not among those that the bundle claims to hold`, { seq: first })
    }
  }
}

/** What is in one set and not in the other; both in order. */
function* outside(some: readonly Range[], others: readonly Range[]): Iterable<Range> {
  let at = 0
  for (const [from, to] of some) {
    while (at < others.length && others[at]![1] < from) at++
    let end = at
    while (end < others.length && others[end]![0] <= to) end++
    yield* gapsIn(others.slice(at, end), from, to)
  }
}

/** A key as it was given, and what it verifies with. */
interface KnownKey {
  readonly vkey: string
  readonly key: Verifier
}

/** Keys in a row are of one generation until a type comes again. */
function generationsOf(vkeys: readonly string[]): KnownKey[][] {
  const generations: KnownKey[][] = []
  for (const vkey of vkeys) {
    const key = parseVkey(vkey)
    const last = generations.at(-1)
    if (last === undefined || last.some(other => other.key.type === key.type)) generations.push([{ vkey, key }])
    else last.push({ vkey, key })
  }
  return generations
}

function parsedKey(vkey: string): Verifier[] {
  try {
    return [parseVkey(vkey)]
  } catch {
    return []
  }
}

/** Whether some keys have signed that these are the next. */
function vouches(
  { checkpoint: note, leaf: text, proof }: Rotation,
  origin: string,
  keys: readonly Verifier[],
  next: readonly string[],
): boolean {
  const opened = open(note, origin, keys)
  const bytes = utf8(text)
  const { leaf } = parseLeaf(bytes)
  if (typeof opened === 'string' || leaf?.kind !== 'control' || leaf.operation !== 'key.rotated') return false
  const { size, root } = opened.checkpoint
  const named = [leaf.attributes?.['vkey.ed25519'], leaf.attributes?.['vkey.mldsa44']]
  return named.every((vkey, i) => vkey === next[i]) && checkInclusion(proof, leaf.seq, size, leafHash(bytes), root)
}

/** A checkpoint that all of some keys have signed, or why it is not: one signature less is a way to cheat too. */
function open(note: string, origin: string, keys: readonly Verifier[]): OpenedCheckpoint | string {
  try {
    const opened = openCheckpoint(note, origin, keys)
    const isWhole = keys.every(({ keyId, name }) =>
      opened.verified.some(signature => signature.keyId === keyId && signature.name === name),
    )
    return isWhole ? opened : 'a signature is missing'
  } catch (error) {
    return (error as Error).message
  }
}

function plainValue(json: string): { readonly value: unknown } | undefined {
  try {
    const value = parseJson(json)
    return canonicalize(value) === json ? { value } : undefined
  } catch {
    return undefined
  }
}
