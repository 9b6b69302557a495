/**
 * The id of a memory in what a method was given or gave back: the value itself, or what an object says it is. One that the
 * log could not keep is none.
 *
 * @example memoryIdIn({ memory_id: 7 }) // 7
 */
export function memoryIdIn(value: unknown): string | number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined
  if (typeof value === 'string') return isLabel(value) ? value : undefined
  if (typeof value !== 'object' || value === null) return undefined
  try {
    const { memoryId, memory_id, id } = value as { memoryId?: unknown; memory_id?: unknown; id?: unknown }
    const found = memoryId ?? memory_id ?? id
    return typeof found === 'object' ? undefined : memoryIdIn(found)
  } catch {
    return undefined
  }
}

function isLabel(text: string): boolean {
  return /^[^\u0000-\u001f\u007f-\u009f]{1,512}$/.test(text) && text.isWellFormed()
}
