import type { World } from '../append/clock.ts'
import { utf8 } from '../core/bytes.ts'
import { sha256 } from '../core/primitives.ts'

/**
 * A clock that goes on by one millisecond a look, and randomness that is the same every time.
 *
 * @param start microseconds since 1970; 2026-11-23T12:00:00Z unless given
 */
export function fixedWorld(start = Date.UTC(2026, 10, 23, 12) * 1000): World & { time: number } {
  let draws = 0
  return {
    time: start,
    now() {
      this.time += 1000
      return this.time
    },
    random(length) {
      const out = new Uint8Array(length)
      for (let at = 0; at < length; at += 32) {
        out.set(sha256(utf8(`fixed world ${draws++}`)).subarray(0, Math.min(32, length - at)), at)
      }
      return out
    },
  }
}
