/**
 * Proves one entry to a stranger, and shows one of its sealed values and no other.
 *
 * The stranger needs no log, no database and no trust in whoever brings the files: only the log's verifier key, known
 * beforehand, and three small things that are brought along: the leaf, the proof, a disclosure.
 */
import assert from 'node:assert/strict'
import { mkdtempDisposableSync } from 'node:fs'
import { tmpdir } from 'node:os'
import {
  canonicalize,
  checkTlogProof,
  opens,
  parseLeaf,
  parseTlogProof,
  parseVkey,
  saltOf,
  utf8,
} from '../src/core/index.ts'
import { type DisclosureTriple, openAuditLog } from '../src/index.ts'

// The owner.

using folder = mkdtempDisposableSync(`${tmpdir()}/audit-`)
let vkey = ''
const log = await openAuditLog({
  file: `${folder.path}/audit.db`,
  keys: `${folder.path}/keys`,
  origin: 'audit.example.com/agents',
  onCreate: created => {
    vkey = created.vkeys.ed25519
  },
})
for (let i = 0; i < 10; i++) await log.append({ operation: 'recall', component: 'memory', memoryId: i })
const { seq } = await log.append({
  operation: 'forget',
  component: 'memory',
  actor: { type: 'agent', id: 'claude' },
  memoryId: 'mem_123',
})
const leaf = (await log.leaf(seq))!
const proof = await log.prove(seq)
const disclosure = (await log.get(seq))!.disclosures.find(([, name]) => name === 'memoryId')!
await log.close()

// The stranger: has `vkey`, and is handed `leaf`, `proof` and `disclosure`.

const { checkpoint } = checkTlogProof(parseTlogProof(proof), leaf, 'audit.example.com/agents', [parseVkey(vkey)])
const entry = parseLeaf(leaf).leaf!
assert.equal(checkpoint.size, 12)
assert.equal(entry.operation, 'forget')
assert.equal(isDisclosed(disclosure), true)
assert.equal(entry.sealed!.actor!.length, 43) // who did it stays closed: 43 characters that say nothing

// What does not hold is refused.

const forged = utf8(Buffer.from(leaf).toString().replace('forget', 'recall'))
assert.throws(() => checkTlogProof(parseTlogProof(proof), forged, checkpoint.origin, [parseVkey(vkey)]), {
  code: 'bad_proof',
})
assert.equal(isDisclosed([disclosure[0], 'memoryId', 'mem_124']), false)
console.log(`entry ${entry.seq} of ${checkpoint.size}: ${entry.operation} of ${disclosure[2]}, and nothing more`)

function isDisclosed(triple: DisclosureTriple): boolean {
  const [, name, value] = triple
  return opens(entry.sealed?.[name] ?? '', { salt: saltOf(triple)!, name, json: canonicalize(value) })
}
