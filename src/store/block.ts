/**
 * Blocks: neighbouring entries as two compressed pieces, leaves apart from content.
 *
 * Whatever bytes go in come out. Where the bytes are the framed preimages of `core/sealed.ts`, their salts are kept
 * beside the compressed piece and not in it: random bytes between texts cost a seventh of the whole (measured on
 * 700-byte entries: 212 bytes of content an entry in place of 246).
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { saltLength } from '../core/sealed.ts'
import { type Cursor, lengthOfHashes, putHashes, takeHashes } from './leaf-hashes.ts'

const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** What a block of leaves begins with; one of before schema 3 begins with the mark of its compression, and is that alone. */
const leavesMark = 3
const zstdMark = 0x28
/** The mark, and the length of the hashes. */
const leavesHeader = 1 + 4
/** Before what is left of a leaf: its length, and how many hashes were taken out of it. */
const leafHeader = 2 + 1

/** Leaves: the length of their hashes, the hashes, and the rest, compressed as one (`leaf-hashes.ts`). */
export function packLeaves(leaves: readonly Uint8Array[]): Uint8Array {
  const all = Buffer.concat(leaves)
  const rest = Buffer.allocUnsafe(all.length + leaves.length * leafHeader)
  const hashes = Buffer.allocUnsafe(leavesHeader + all.length)
  const cursor: Cursor = { text: 0, hash: leavesHeader, out: 0 }
  for (const leaf of leaves) {
    const header = cursor.out
    cursor.out += leafHeader
    const count = takeHashes(all, cursor.text + leaf.length, hashes, rest, cursor)
    rest.writeUInt16BE(cursor.out - header - leafHeader, header)
    rest[header + 2] = count
  }
  hashes[0] = leavesMark
  hashes.writeUInt32BE(cursor.hash - leavesHeader, 1)
  return Buffer.concat([hashes.subarray(0, cursor.hash), zstdCompressSync(rest.subarray(0, cursor.out), compression)])
}

/** A few bytes unfold to millions of empty entries: what claims more than a tile of them is no block of ours. */
const maxEntries = 256
/** A tile of the largest leaves: more than a block can hold. */
const maxLeavesBytes = maxEntries * (leafHeader + 0xffff)

/** Room for the pieces of a block of usual entries: with it nearly every one comes out in one stretch. */
const chunkSize = 32 * 1024

/** @throws when the bytes are none of {@link packLeaves} */
export function unpackLeaves(data: Uint8Array): Uint8Array[] {
  if (data[0] === zstdMark) return unpackPlainLeaves(data)
  const hashesEnd = leavesHeader + lengthAt(data, 1)
  if (data[0] !== leavesMark || hashesEnd > data.length) throw new RangeError('the block is damaged')
  const rest = zstdDecompressSync(data.subarray(hashesEnd), { maxOutputLength: maxLeavesBytes, chunkSize })
  const ends: number[] = []
  let bytes = 0
  for (let at = 0; at < rest.length && ends.length <= maxEntries; at = ends.at(-1)!) {
    ends.push(at + leafHeader + rest.readUInt16BE(at))
    bytes += ends.at(-1)! - at - leafHeader + lengthOfHashes(rest[at + 2]!)
  }
  if ((ends.at(-1) ?? 0) !== rest.length || ends.length > maxEntries) throw new RangeError('the block is damaged')
  const hashes = data.subarray(0, hashesEnd)
  const out = Buffer.allocUnsafe(bytes)
  const cursor: Cursor = { text: 0, hash: leavesHeader, out: 0 }
  return ends.map(end => {
    const start = cursor.out
    const count = rest[cursor.text + 2]!
    cursor.text += leafHeader
    putHashes(rest, end, count, hashes, out, cursor)
    return out.subarray(start, cursor.out)
  })
}

/** Leaves, each behind its length in 16 bits as in a tlog-tiles bundle, compressed as one. */
function unpackPlainLeaves(data: Uint8Array): Uint8Array[] {
  const bytes = zstdDecompressSync(data, { maxOutputLength: maxLeavesBytes, chunkSize })
  const leaves: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at + 2
    at = start + bytes.readUInt16BE(at)
    if (at > bytes.length || leaves.length >= maxEntries) throw new RangeError('the block is damaged')
    leaves.push(bytes.subarray(start, at))
  }
  return leaves
}

/** Before each salt of a framed preimage: its length in 4 bytes, and the domain byte. */
const beforeSalt = 5
/** In front of an entry's content: its length, and whether its salts were taken out. */
const saltsTaken = 0x8000_0000

/** Contents: the length of all salts, the salts, and the rest, compressed. */
export function packContents(contents: readonly Uint8Array[]): Uint8Array {
  const size = contents.reduce((sum, content) => sum + 4 + content.length, 0)
  const rest = Buffer.allocUnsafe(size)
  const salts = Buffer.allocUnsafe(4 + size)
  let restAt = 0
  let saltsAt = 4
  for (const content of contents) {
    const framed = isFramed(content)
    restAt = rest.writeUInt32BE(framed ? (content.length | saltsTaken) >>> 0 : content.length, restAt)
    if (!framed) {
      rest.set(content, restAt)
      restAt += content.length
      continue
    }
    for (let at = 0; at < content.length; ) {
      const end = at + 4 + lengthAt(content, at)
      restAt = copy(content, at, at + beforeSalt, rest, restAt)
      saltsAt = copy(content, at + beforeSalt, at + beforeSalt + saltLength, salts, saltsAt)
      restAt = copy(content, at + beforeSalt + saltLength, end, rest, restAt)
      at = end
    }
  }
  salts.writeUInt32BE(saltsAt - 4)
  return Buffer.concat([salts.subarray(0, saltsAt), zstdCompressSync(rest.subarray(0, restAt), compression)])
}

/** As much as 32 entries with the largest values: what claims more is no block of ours. */
const maxContentBytes = 1024 ** 3

/**
 * The contents of a block, or of a part of it: from number `from` up to but not including `to`.
 *
 * @throws when the bytes are none of {@link packContents}
 */
export function unpackContents(data: Uint8Array, from = 0, to = Number.POSITIVE_INFINITY): Uint8Array[] {
  let saltsAt = 4
  const saltsEnd = saltsAt + lengthAt(data, 0)
  const damage = () => new RangeError('the block is damaged')
  const rest = zstdDecompressSync(data.subarray(saltsEnd), { maxOutputLength: maxContentBytes, chunkSize })
  const contents: Uint8Array[] = []
  for (let i = 0, restAt = 0; restAt < rest.length && i < to; i++) {
    const header = rest.readUInt32BE(restAt)
    restAt += 4
    if (i >= maxEntries) throw damage()
    if (header < saltsTaken) {
      if (restAt + header > rest.length) throw damage()
      if (i >= from) contents.push(rest.subarray(restAt, restAt + header))
      restAt += header
      continue
    }
    const length = header - saltsTaken
    if (length > rest.length + saltsEnd) throw damage()
    const content = i >= from ? Buffer.allocUnsafe(length) : undefined
    for (let at = 0; at < length; ) {
      const tail = 4 + lengthAt(rest, restAt) - beforeSalt - saltLength
      const end = at + beforeSalt + saltLength + tail
      // All of it must be there: what is not filled would be whatever this process had in memory.
      const isThere = tail >= 0 && end <= length && restAt + beforeSalt + tail <= rest.length
      if (!isThere || saltsAt + saltLength > Math.min(saltsEnd, data.length)) throw damage()
      if (content !== undefined) {
        // Byte by byte where there are few: a call costs more.
        for (let j = 0; j < beforeSalt; j++) content[at + j] = rest[restAt + j]!
        for (let j = 0; j < saltLength; j++) content[at + beforeSalt + j] = data[saltsAt + j]!
        copy(rest, restAt + beforeSalt, restAt + beforeSalt + tail, content, at + beforeSalt + saltLength)
      }
      at = end
      restAt += beforeSalt + tail
      saltsAt += saltLength
    }
    if (content !== undefined) contents.push(content)
  }
  return contents
}

/** Whether a content is preimages behind their lengths to the last byte, each long enough for its salt. */
function isFramed(content: Uint8Array): boolean {
  let at = 0
  while (at + beforeSalt + saltLength <= content.length) {
    const length = lengthAt(content, at)
    if (length < beforeSalt - 4 + saltLength) return false
    at += 4 + length
  }
  return at === content.length
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! * 0x100_0000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)
}

/** Copies without making a view, which would cost more than the copy; answers where the copy ends. */
function copy(from: Uint8Array, start: number, end: number, to: Buffer, at: number): number {
  return at + Buffer.prototype.copy.call(from, to, at, start, end)
}
