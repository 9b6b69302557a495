/**
 * Takes a guarantee out of the code of a process, before any of it runs: to be given to it with `--import`.
 *
 * In the source of one file below `src/`, a text that stands there once becomes another. It is so in the threads and in the
 * processes that this one starts, too.
 */
import { registerHooks } from 'node:module'
import type { Change } from './table.ts'

const { file, from, to, and = [] }: Change = JSON.parse(process.env.MEMMIMIC_CANARY!)
const source = new URL(`../../src/${file}`, import.meta.url).href

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (url !== source) return loaded
    let text = Buffer.from(loaded.source as Uint8Array).toString()
    for (const change of [{ from, to }, ...and]) {
      const parts = text.split(change.from)
      if (parts.length !== 2) throw new Error(`${change.from} stands ${parts.length - 1} times in ${file}, not once`)
      text = parts.join(change.to)
    }
    process.env.MEMMIMIC_CANARY_SINGS = 'yes'
    return { ...loaded, source: text }
  },
})
