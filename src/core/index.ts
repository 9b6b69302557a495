/**
 * memmimic-audit/core: all that is needed to write an entry down and to check a log, as functions of bytes. No disk, no
 * clock, no Node: a browser runs it as it is. In the order of FORMAT.md.
 */

// Entries: what a caller hands in, judged and read once.

export { type CaptureOptions, captureEntry, type Draft, defaultMaxValueBytes, maxLeafBytes } from './capture.ts'
export {
  type Actor,
  type EntryInput,
  type Json,
  type Kind,
  kinds,
  type Leaf,
  type Outcome,
  outcomes,
  type Receipt,
  type SecurityLevel,
  sealedNames,
  securityLevels,
} from './entry.ts'
export { AuditError, type AuditErrorCode, type AuditErrorFacts } from './errors.ts'

// Canonical JSON (RFC 8785), and JSON read strictly.

export { canonicalize, maxDepth, parseJson } from './json.ts'

// The leaf: the exact bytes that are hashed.

export { leafText, type ParsedLeaf, type Place, parseLeaf } from './leaf.ts'

// Sealed values: a commitment in the leaf, the disclosure beside it.

export {
  commitment,
  type Disclosure,
  type DisclosureTriple,
  formatContent,
  formatPreimage,
  opens,
  parseContent,
  parsePreimage,
  saltLength,
  saltOf,
  toTriple,
} from './sealed.ts'

// An entry as a reader sees it.

export { type EntryBytes, type EntryView, type OpenedEntry, openEntry, openEntryWithDisclosures } from './view.ts'

// Hashes, and the first link of the chain.

export { emptyRoot, genesisHash, hashLength, leafHash, leafHashHex, nodeHash } from './hash.ts'

// The Merkle tree (RFC 6962) and its tiles (C2SP tlog-tiles).

export {
  entriesPath,
  formatBundle,
  maxLeafLength,
  parseBundle,
  parseTilePath,
  partialWidth,
  type TileId,
  type TilePath,
  tilePath,
  tileWidth,
} from './tile.ts'
export { RightEdge, rootAt, subtreeHash, type Tile, type TileReader, tilesForRoot } from './tree.ts'

// Proofs that an entry is in a tree, and that one tree is the beginning of another.

export {
  checkConsistency,
  checkInclusion,
  consistencyProof,
  inclusionProof,
  rootFromInclusion,
  tilesForConsistency,
  tilesForInclusion,
} from './proof.ts'

// Signed notes (C2SP signed-note) and keys as text.

export {
  ed25519Signer,
  ed25519Verifier,
  formatNote,
  isKeyName,
  keyId,
  type NoteSignature,
  type OpenedNote,
  openNote,
  type ParsedNote,
  parseNote,
  type Signer,
  type SignFunction,
  signatureTypes,
  signNote,
  type VerifiedSignature,
  type Verifier,
} from './note.ts'
export { formatVkey, parseVkey } from './vkey.ts'

// Checkpoints (C2SP tlog-checkpoint), cosigned by witnesses and by the log's ML-DSA-44 key (C2SP tlog-cosignature).

export {
  type Checkpoint,
  formatCheckpoint,
  type OpenedCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  peekCheckpoint,
  signCheckpoint,
} from './checkpoint.ts'
export {
  cosignatureMessage,
  decodeTimestampedSignature,
  ed25519CosignatureVerifier,
  ed25519Cosigner,
  encodeTimestampedSignature,
  mldsa44Signer,
  mldsa44Verifier,
  type SubtreeStatement,
  subtreeMessage,
  type TimestampedSignature,
} from './cosignature.ts'

// Proofs that travel alone (C2SP tlog-proof).

export { checkTlogProof, formatTlogProof, parseTlogProof, type TlogProof } from './tlog-proof.ts'

// Seals: a forward-secure HMAC over every batch.

export { epochMicros, epochOf, evolve, formatSealKey, parseSealKey, type Seal, type SealKey, sealMac } from './seal.ts'

// Filters as data, with their meaning.

export {
  type CompiledFilter,
  type Condition,
  compileFilter,
  type EntryFilter,
  type Operator,
  parseCondition,
} from './filter.ts'

// What a check says.

export {
  type Declaration,
  type Finding,
  type FindingType,
  finding,
  type Omission,
  type Severity,
  severities,
  type Trust,
  type VerificationReport,
} from './finding.ts'

// Bytes, instants and ids in their one spelling.

export {
  concat,
  equal,
  fromBase64,
  fromBase64url,
  fromHex,
  fromUtf8,
  toBase64,
  toBase64url,
  toHex,
  utf8,
} from './bytes.ts'
export { equalInConstantTime } from './primitives.ts'
export { formatTime, type Micros, parseTime, uuidv7, uuidv7Time } from './time.ts'
