/** A log in memory, as it could be read at one moment: to be checked again and again, without its file. */
import type { Head, KeptLog, StoredEntry } from '../../src/store/store.ts'

export async function copyOf(log: KeptLog): Promise<KeptLog> {
  const head = (await log.head()) as Head
  const entries = (await Array.fromAsync(log.entries(0, Number.MAX_SAFE_INTEGER))).flat()
  const seals = await Array.fromAsync(log.seals(0, Number.MAX_SAFE_INTEGER))
  const checkpoints = await Array.fromAsync(log.checkpoints(0, Number.MAX_SAFE_INTEGER))
  const declarations = await Array.fromAsync(log.declarations())
  const strays = (await log.strays?.()) ?? []
  const step = await log.unrecordedStep?.()
  const tiles = new Map<string, Uint8Array | undefined>()
  for (let level = 0; level < 3; level++) {
    for (let index = 0; index < 6; index++) tiles.set(`${level}/${index}`, await log.tile(level, index))
  }
  const sized = <T extends { readonly size: number }>(list: readonly T[], from: number, to: number) =>
    list.filter(({ size }) => from < size && size <= to)
  return {
    head: () => head,
    *entries(from, to): Iterable<readonly StoredEntry[]> {
      const some = entries.filter(({ seq }) => from <= seq && seq < to)
      for (let i = 0; i < some.length; i += 100) yield some.slice(i, i + 100)
    },
    tile: (level, index) => tiles.get(`${level}/${index}`),
    seals: (from, to) => sized(seals, from, to),
    checkpoints: (from, to) => sized(checkpoints, from, to),
    declarations: () => declarations,
    strays: () => strays,
    unrecordedStep: () => step,
  }
}
