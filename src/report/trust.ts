import type { Trust } from '../core/finding.ts'

/** What a trust label means, in words that follow a colon. */
export function trustMeaning(trust: Trust): string {
  switch (trust) {
    case 'chained':
      return 'only the file itself says so'
    case 'signed':
      return 'the keys of the log, known from elsewhere, say so'
    case 'anchored':
      return 'a checkpoint remembered outside the file agrees'
    default:
      return `witnesses have signed it too, ${trust.slice('witnessed:'.length)} in number`
  }
}
