/** The command line's first step: is this a Node that can load the rest? */
import { checkNodeVersion } from '../node-version.ts'

try {
  checkNodeVersion()
} catch (error) {
  process.stderr.write(`memmimic-audit: ${(error as Error).message}\n`)
  process.exit(1)
}
const { main } = await import('./program.ts')
await main(process.argv.slice(2))
