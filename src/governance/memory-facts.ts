/** What the limits look at in a memory, whichever way it is spelled. */
import type { GovernanceThresholds } from './settings.ts'

/** A memory, as far as it is looked at. All members may be missing; those of the seed may be written with `_`. */
export interface GovernedMemory {
  readonly content?: string | undefined
  /** The whole of it, where `content` is a part. */
  readonly fullContext?: string | undefined
  readonly summary?: string | undefined
  readonly tags?: readonly string[] | undefined
  readonly metadata?: unknown
  /** Other memories, or what stands for them, with `relationships` of their own. */
  readonly relationships?: unknown
  readonly [name: string]: unknown
}

/** Sizes in characters: UTF-16 units. */
export interface MemoryFacts {
  readonly contentSize: number
  readonly summaryLength: number
  readonly metadataSize: number
  readonly tagCount: number
  readonly longestTag: number
  /** How many tags are longer than the limit. */
  readonly longTags: number
  /** Counted only as far as one more than the limit. */
  readonly relationshipDepth: number
}

/** @throws Error when the memory cannot be read, or its metadata is not JSON */
export function memoryFacts(memory: GovernedMemory, limits: GovernanceThresholds): MemoryFacts {
  if (typeof memory !== 'object' || memory === null) throw new Error('the memory is not an object')
  const { summary, tags = [], metadata, relationships } = memory
  if (!Array.isArray(tags)) throw new Error('tags is not a list')
  const content = memory.fullContext || memory.full_context || memory.content || ''
  let longestTag = 0
  let longTags = 0
  for (const tag of tags) {
    const length = String(tag).length
    if (length > longestTag) longestTag = length
    if (length > limits.tagLength) longTags++
  }
  return {
    contentSize: textSize(content),
    summaryLength: typeof summary === 'string' ? summary.length : 0,
    metadataSize: metadata == null ? 0 : textSize(metadata),
    tagCount: tags.length,
    longestTag,
    longTags,
    relationshipDepth: depthOf(relationships, limits.relationshipDepth + 1),
  }
}

/** Characters of a text, or of the JSON of anything else. */
function textSize(value: unknown): number {
  return typeof value === 'string' ? value.length : (JSON.stringify(value)?.length ?? 0)
}

/** How deep relationships nest, looked at no further than `most`. */
function depthOf(relationships: unknown, most: number): number {
  if (most === 0 || typeof relationships !== 'object' || relationships === null) return 0
  let deepest = 0
  for (const related of Object.values(relationships)) {
    if (typeof related !== 'object' || related === null) {
      deepest = Math.max(deepest, 1)
      continue
    }
    deepest = Math.max(deepest, 1 + depthOf((related as { relationships?: unknown }).relationships, most - 1))
    if (deepest >= most) return most
  }
  return deepest
}
