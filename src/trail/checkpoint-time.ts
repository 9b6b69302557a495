/** When a checkpoint was signed: its ML-DSA-44 signature says so. */
import { loadPublicKeys } from '../append/keys.ts'
import { openCheckpoint } from '../core/checkpoint.ts'

/**
 * Seconds since 1970, as far as the public keys in a folder can tell.
 *
 * @param note a signed checkpoint
 */
export function checkpointTime(note: string, keys: string): number | undefined {
  try {
    const { origin, verifiers } = loadPublicKeys(keys)
    const { verified } = openCheckpoint(note, origin, verifiers)
    return verified.map(({ timestamp }) => timestamp).find(timestamp => timestamp !== undefined)
  } catch {
    return undefined
  }
}
