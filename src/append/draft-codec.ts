/**
 * Drafts and receipts as they cross the border of a thread: one text and a few numbers for many of them, because a
 * message costs by the object, not by the byte.
 */
import type { Draft } from '../core/capture.ts'
import type { Receipt } from '../core/entry.ts'
import { formatTime, type Micros, parseTime } from '../core/time.ts'

export interface EncodedDrafts {
  /** The texts of all drafts, one behind the other. */
  readonly text: string
  /** For each draft: its time, the number of its texts, and the length of each. */
  readonly numbers: Float64Array
}

/** An id, four fragments, then the sealed names and values. */
const fixedTexts = 5

export function encodeDrafts(drafts: readonly Draft[]): EncodedDrafts {
  let count = 0
  for (const { sealed } of drafts) count += 2 + fixedTexts + sealed.length
  const numbers = new Float64Array(count)
  // Joined in one go: a text that grows piece by piece is a tree until the message is made.
  const parts: string[] = []
  let at = 0
  const add = (part: string) => {
    parts.push(part)
    numbers[at++] = part.length
  }
  for (const draft of drafts) {
    numbers[at++] = draft.time
    numbers[at++] = draft.sealed.length
    add(draft.id)
    add(draft.first)
    add(draft.middle)
    add(draft.level)
    add(draft.trace)
    for (const part of draft.sealed) add(part)
  }
  return { text: parts.join(''), numbers }
}

export function decodeDrafts({ text, numbers }: EncodedDrafts): Draft[] {
  const drafts: Draft[] = []
  let at = 0
  let read = 0
  const take = () => {
    const from = read
    read += numbers[at++]!
    return text.slice(from, read)
  }
  while (at < numbers.length) {
    const time = numbers[at++]!
    const parts = numbers[at++]!
    const draft = {
      id: take(),
      time,
      first: take(),
      middle: take(),
      level: take(),
      trace: take(),
      sealed: [] as string[],
    }
    for (let i = 0; i < parts; i++) draft.sealed.push(take())
    drafts.push(draft)
  }
  return drafts
}

export interface EncodedReceipts {
  /** The number of the first; the others follow. −1 when all of them are spilled: those of one call stay together. */
  readonly seq: number
  readonly times: Float64Array
  /** 64 hex digits each. */
  readonly hashes: string
}

export function encodeReceipts(receipts: readonly Receipt[]): EncodedReceipts {
  return {
    seq: receipts[0]?.seq ?? 0,
    times: Float64Array.from(receipts, ({ time }): Micros => parseTime(time)!),
    hashes: receipts.map(({ entryHash }) => entryHash).join(''),
  }
}

export function decodeReceipts(ids: readonly string[], { seq, times, hashes }: EncodedReceipts): Receipt[] {
  if (seq < 0) return ids.map((id, i) => ({ seq, id, entryHash: '', time: formatTime(times[i]!), spilled: true }))
  return ids.map((id, i) => ({
    seq: seq + i,
    id,
    entryHash: hashes.slice(64 * i, 64 * i + 64),
    time: formatTime(times[i]!),
  }))
}
