/** Keys for tests: made from a seed or at random, never used elsewhere. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A key pair: the raw public key, and the private-key operation that signers take. */
export interface TestKey {
  readonly publicKey: Uint8Array
  readonly sign: (message: Uint8Array) => Uint8Array
}

/** The Ed25519 key of a 32-byte seed. */
export function ed25519Key(seed: Uint8Array): TestKey {
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return testKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }), 32)
}

/** A new ML-DSA-44 key. */
export function mldsa44Key(): TestKey {
  return testKey(generateKeyPairSync('ml-dsa-44').privateKey, 1312)
}

function testKey(privateKey: KeyObject, length: number): TestKey {
  const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
  return {
    publicKey: Uint8Array.from(spki.subarray(-length)),
    sign: message => Uint8Array.from(sign(null, message, privateKey)),
  }
}
