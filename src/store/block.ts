/**
 * Blocks: neighbouring entries as two compressed pieces, leaves apart from content.
 *
 * Whatever bytes go in come out. Where the bytes are the framed preimages of `core/sealed.ts`, their salts are kept
 * beside the compressed piece and not in it: random bytes between texts cost a seventh of the whole (measured on
 * 700-byte entries: 212 bytes of content an entry in place of 246).
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { saltLength } from '../core/sealed.ts'

const compression = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** Leaves, each behind its length in 16 bits as in a tlog-tiles bundle, compressed as one. */
export function packLeaves(leaves: readonly Uint8Array[]): Uint8Array {
  const out = Buffer.allocUnsafe(leaves.reduce((sum, leaf) => sum + 2 + leaf.length, 0))
  let at = 0
  for (const leaf of leaves) {
    at = out.writeUInt16BE(leaf.length, at)
    out.set(leaf, at)
    at += leaf.length
  }
  return zstdCompressSync(out, compression)
}

/** A tile of the largest leaves: more than a block can hold. */
const maxLeavesBytes = 256 * (2 + 0xffff)

/** @throws when the bytes are none of {@link packLeaves} */
export function unpackLeaves(data: Uint8Array): Uint8Array[] {
  const bytes = zstdDecompressSync(data, { maxOutputLength: maxLeavesBytes })
  const leaves: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const start = at + 2
    at = start + bytes.readUInt16BE(at)
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

/** @throws when the bytes are none of {@link packContents} */
export function unpackContents(data: Uint8Array): Uint8Array[] {
  let saltsAt = 4
  const saltsEnd = saltsAt + lengthAt(data, 0)
  const rest = zstdDecompressSync(data.subarray(saltsEnd), { maxOutputLength: maxContentBytes })
  const contents: Uint8Array[] = []
  for (let restAt = 0; restAt < rest.length; ) {
    const header = rest.readUInt32BE(restAt)
    restAt += 4
    if (header < saltsTaken) {
      contents.push(rest.subarray(restAt, restAt + header))
      restAt += header
      continue
    }
    const length = header - saltsTaken
    if (length > rest.length + saltsEnd) throw new RangeError('the block is damaged')
    const content = Buffer.allocUnsafe(length)
    for (let at = 0; at < content.length; ) {
      const tail = 4 + lengthAt(rest, restAt) - beforeSalt - saltLength
      if (saltsAt + saltLength > saltsEnd || tail < 0) throw new RangeError('the block is damaged')
      at = copy(rest, restAt, restAt + beforeSalt, content, at)
      at = copy(data, saltsAt, saltsAt + saltLength, content, at)
      at = copy(rest, restAt + beforeSalt, restAt + beforeSalt + tail, content, at)
      restAt += beforeSalt + tail
      saltsAt += saltLength
    }
    contents.push(content)
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
