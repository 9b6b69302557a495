/**
 * What must hold of a log whatever happened to the processes that wrote it, to their disk and to their clock; in one place.
 *
 * Everything that was acknowledged is there, where and as the receipt says. Nothing that was refused is there. The log has
 * not forked: every receipt and every signed note of every process agrees with it. A check from K₀ and every signed note
 * on finds nothing. The next start goes on writing, and what it writes holds too. Nothing half is left.
 */
import { readdirSync } from 'node:fs'
import { loadStorageKey, readSealKey } from '../../src/append/keys.ts'
import { toHex } from '../../src/core/bytes.ts'
import type { VerificationReport } from '../../src/core/finding.ts'
import { formatSealKey } from '../../src/core/seal.ts'
import { readLeaf } from '../../src/core/view.ts'
import { openSqliteStore } from '../../src/store/sqlite.ts'
import { openParts } from '../../src/system.ts'

/** What processes said: the lines of `children/life.ts`, of all that wrote the log. */
export interface Said {
  readonly acknowledged: { readonly seq: number; readonly id: string; readonly hash: string; readonly tag: string }[]
  readonly refused: { readonly tag: string; readonly code: string }[]
  readonly notes: string[]
  /** K₀, once it was told. */
  sealKey: string | undefined
  readonly failed: string[]
}

export function heard(lines: Iterable<string>): Said {
  const said: Said = { acknowledged: [], refused: [], notes: [], sealKey: undefined, failed: [] }
  for (const line of lines) {
    const [what, ...words] = line.split(' ') as [string, ...string[]]
    const [first = '', second = '', third = '', fourth = ''] = words
    if (what === 'ack') said.acknowledged.push({ seq: Number(first), id: second, hash: third, tag: fourth })
    else if (what === 'refused') said.refused.push({ tag: first, code: second })
    else if (what === 'note') said.notes.push(Buffer.from(first, 'base64').toString())
    else if (what === 'seal') said.sealKey = first
    else if (what === 'failed') said.failed.push(words.join(' '))
  }
  return said
}

export interface Place {
  readonly file: string
  readonly keys: string
}

export interface Judgement {
  /** One sentence each; none when all is as it must be. */
  readonly wrong: readonly string[]
  readonly report: VerificationReport | undefined
}

/** Starts once more on what is left of a log, writes on, and holds everything against what was said. */
export async function judge(place: Place, said: Said, onFailure: 'refuse' | 'spill' = 'refuse'): Promise<Judgement> {
  const wrong: string[] = []
  let { sealKey } = said
  let report: VerificationReport | undefined
  let next: { seq: number; entryHash: string } | undefined
  try {
    const hear = ({ sealKey: fresh }: { sealKey: string }) => {
      sealKey = fresh
    }
    const quiet = { threads: false, closeOnExit: false, onCreate: hear, onNotice: () => {}, onFailure } as const
    const { log, logger } = await openParts({ ...place, ...quiet })
    try {
      // Until the first entry of a later epoch, the key on the disk is K₀.
      if (sealKey === undefined && readSealKey(place.keys)?.epoch === 0)
        sealKey = formatSealKey(readSealKey(place.keys)!)
      if ((await log.status()).frozen) await logger.logControl({ operation: 'log.unfrozen' })
      next = await log.append({ operation: 'remember', component: 'next start', attributes: { tag: 'next start' } })
      report = await log.verify({ deep: true, anchors: said.notes, sealKey })
    } finally {
      await log.close()
    }
  } catch (error) {
    return { wrong: [`the next start fails: ${(error as Error).message}`], report }
  }
  for (const found of report.findings) wrong.push(`a check finds ${found.type} at ${found.seq}: ${found.message}`)
  if (report.trust !== 'anchored') wrong.push(`the trust is ${report.trust}`)
  if (sealKey === undefined) wrong.push('nobody was told K₀')
  return { wrong: [...wrong, ...holdAgainst(place, said, next)], report }
}

/** Receipts and refusals against the log as it lies there. */
function holdAgainst({ file, keys }: Place, said: Said, next: { seq: number; entryHash: string }): string[] {
  const wrong: string[] = []
  const store = openSqliteStore({ file, key: loadStorageKey(keys), mode: 'read' })
  try {
    const { size } = store.head()!
    const bySeq = new Map<number, { id: string; tag: unknown }>()
    const byTag = new Map<unknown, number>()
    const ids = new Set<string>()
    for (const some of store.entries(0, size)) {
      for (const stored of some) {
        const { leaf } = readLeaf(stored)
        if (leaf === undefined) continue
        if (ids.has(leaf.id)) wrong.push(`${leaf.id} is there twice`)
        ids.add(leaf.id)
        const tag = leaf.attributes?.tag
        if (tag !== undefined && tag !== 'next start' && byTag.has(tag)) wrong.push(`${tag} is there twice`)
        bySeq.set(stored.seq, { id: leaf.id, tag })
        byTag.set(tag, stored.seq)
      }
    }
    const hashes: string[] = []
    for (let tile = 0; tile * 256 < size; tile++) hashes.push(toHex(store.tile(0, tile)!))
    const hashOf = (seq: number) => hashes[Math.floor(seq / 256)]?.slice((seq % 256) * 64, (seq % 256) * 64 + 64)

    const seqs = new Set<number>()
    for (const { seq, id, hash, tag } of said.acknowledged) {
      // What was spilled was promised to come in, not where.
      if (seq < 0) {
        if (!byTag.has(tag)) wrong.push(`${tag} was acknowledged as spilled and is not there`)
        continue
      }
      if (seqs.has(seq)) wrong.push(`${seq} was acknowledged twice: a fork`)
      seqs.add(seq)
      if (hashOf(seq) !== hash) wrong.push(`${tag} was acknowledged at ${seq} of now ${size}, and another stands there`)
      const there = bySeq.get(seq)
      // A leaf that is gone by retention keeps its hash: that is held against above.
      if (there !== undefined && (there.id !== id || there.tag !== tag)) wrong.push(`${seq} is not ${tag}`)
    }
    for (const { tag, code } of said.refused) {
      if (byTag.has(tag)) wrong.push(`${tag} was refused (${code}) and stands at ${byTag.get(tag)}`)
    }
    if (hashOf(next.seq) !== next.entryHash) wrong.push('what the next start wrote is not there')

    let epoch = 0
    for (const seal of store.seals(0, size)) epoch = Math.max(epoch, seal.epoch)
    if ((readSealKey(keys)?.epoch ?? -1) < epoch) wrong.push('the seal key is behind the log')
    const secrets = readdirSync(keys).filter(name => name.includes('seal.key') && name !== 'seal.key')
    if (secrets.length > 0) wrong.push(`seal keys are left behind: ${secrets.join(', ')}`)
  } finally {
    store.close()
  }
  return wrong
}
