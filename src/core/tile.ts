/**
 * Tiles and entry bundles as C2SP tlog-tiles names and encodes them.
 *
 * A tile is up to 256 consecutive hashes of one level; a hash of level *l* covers 256^l leaves. Bundles carry the
 * leaves themselves.
 */
import { AuditError } from './errors.ts'

/** Hashes in a full tile, and leaves in a full bundle. */
export const tileWidth = 256

/** The longest leaf that fits into an entry bundle, in bytes. */
export const maxLeafLength = 0xffff

/** Which tile, and how much of it. */
export interface TileId {
  /** 0 holds leaf hashes; at most 63. */
  readonly level: number
  readonly index: number
  /** 1–256 hashes; fewer than 256 name a partial tile. */
  readonly width: number
}

/** What a path under the log's prefix names: a tile of hashes, or a bundle of entries. */
export interface TilePath {
  readonly level: number | 'entries'
  readonly index: number
  /** 1–256; fewer than 256 name a partial tile. */
  readonly width: number
}

/** Hashes in the unfinished tile of a level in a tree of `size` leaves: floor(size / 256^level) mod 256. */
export function partialWidth(level: number, size: number): number {
  return Math.floor(size / tileWidth ** level) % tileWidth
}

/**
 * The path of a tile, `tile/0/x001/234.p/56`: relative to the log's prefix, without a leading slash.
 *
 * @throws RangeError when the level is not 0–63, the index not 0–2^53−1, or the width not 1–256.
 */
export function tilePath(level: number, index: number, width: number = tileWidth): string {
  if (!(Number.isInteger(level) && level >= 0 && level <= 63)) throw new RangeError(`tile level ${level} is not 0–63`)
  return `tile/${level}/${indexPath(index, width)}`
}

/**
 * The path of an entry bundle, `tile/entries/000.p/7`: relative to the log's prefix, without a leading slash.
 *
 * @throws RangeError when the index is not 0–2^53−1 or the width not 1–256.
 */
export function entriesPath(index: number, width: number = tileWidth): string {
  return `tile/entries/${indexPath(index, width)}`
}

function indexPath(index: number, width: number): string {
  if (!Number.isSafeInteger(index) || index < 0) throw new RangeError(`tile index ${index} is not 0–2^53−1`)
  if (!(Number.isInteger(width) && width >= 1 && width <= tileWidth)) {
    throw new RangeError(`tile width ${width} is not 1–256`)
  }
  const digits = String(index)
  const groups = digits.padStart(3 * Math.ceil(digits.length / 3), '0').match(/.../g)!
  const path = groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group)).join('/')
  return width === tileWidth ? path : `${path}.p/${width}`
}

const pathPattern = /^tile\/(entries|\d{1,2})\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/(\d{1,3}))?$/

/**
 * What a path names, in the one spelling that `tilePath` and `entriesPath` write.
 *
 * @throws AuditError `bad_format` for anything else.
 */
export function parseTilePath(path: string): TilePath {
  const [, kind = '', groups = '', suffix] = pathPattern.exec(path) ?? []
  const level = kind === 'entries' ? kind : Number(kind)
  const index = Number(groups.replace(/[x/]/g, ''))
  const width = suffix === undefined ? tileWidth : Number(suffix)
  try {
    const again = level === 'entries' ? entriesPath(index, width) : tilePath(level, index, width)
    if (again === path) return { level, index, width }
  } catch {
    // Out of range: refused below, like every other spelling.
  }
  throw new AuditError('bad_format', `not the path of a tile or an entry bundle: ${JSON.stringify(path.slice(0, 80))}`)
}

/**
 * An entry bundle: each leaf behind its length as 16 bits, big-endian (C2SP tlog-tiles, Log entries).
 *
 * @throws RangeError when there are not 1–256 leaves, or one is longer than 65 535 bytes.
 */
export function formatBundle(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length < 1 || leaves.length > tileWidth) throw new RangeError('a bundle holds 1–256 leaves')
  let length = 0
  for (const leaf of leaves) {
    if (leaf.length > maxLeafLength) throw new RangeError(`a leaf of ${leaf.length} bytes: at most 65 535 fit`)
    length += 2 + leaf.length
  }
  const bundle = new Uint8Array(length)
  let at = 0
  for (const leaf of leaves) {
    bundle[at] = leaf.length >> 8
    bundle[at + 1] = leaf.length & 0xff
    bundle.set(leaf, at + 2)
    at += 2 + leaf.length
  }
  return bundle
}

/**
 * The leaves of an entry bundle, as views into its bytes.
 *
 * @throws AuditError `bad_format` when the bundle is empty, cut short, or holds more than 256 leaves.
 */
export function parseBundle(bundle: Uint8Array): Uint8Array[] {
  const leaves: Uint8Array[] = []
  let at = 0
  while (at < bundle.length && leaves.length < tileWidth) {
    const end = at + 2 + ((bundle[at]! << 8) | (bundle[at + 1] ?? 0))
    if (at + 2 > bundle.length || end > bundle.length) {
      throw new AuditError('bad_format', `the entry bundle is cut short in leaf ${leaves.length}`)
    }
    leaves.push(bundle.subarray(at + 2, end))
    at = end
  }
  if (leaves.length === 0) throw new AuditError('bad_format', 'the entry bundle is empty')
  if (at < bundle.length) throw new AuditError('bad_format', 'the entry bundle holds more than 256 leaves')
  return leaves
}
