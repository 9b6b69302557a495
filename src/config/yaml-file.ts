/** One YAML file: what it says, and where each part of it stands. */
import { isMap, isScalar, LineCounter, type Node, parseDocument, visit } from 'yaml'
import { AuditError } from '../core/errors.ts'

/** A place in a text, both counted from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}

export interface YamlFile {
  readonly file: string
  /** What it says, as plain data; `undefined` when it says nothing. */
  readonly value: unknown
  /** Where a value stands, or the name that leads to it; where that is not in the file, the nearest that is above it. */
  placeOf(path: readonly (string | number)[], what: 'name' | 'value'): Place
}

/** Characters in a file: the reader of YAML takes a second or more for each 64 kB that are none. */
const longest = 1024 * 1024

/**
 * Reads YAML 1.2 as strictly as it can be read: one document, no name twice, no tags of its own.
 *
 * @throws AuditError `bad_input`, with the file, the line and the column
 */
export function parseYamlFile(text: string, file: string): YamlFile {
  if (text.length > longest) throw new AuditError('bad_input', `${file}: it has more than ${longest} characters`)
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, version: '1.2' })
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const [problem] = [...document.errors, ...document.warnings]
  if (problem !== undefined) {
    const { line, column } = placeAt(problem.pos[0])
    const [sentence = ''] = problem.message.split(/[;\n]/)
    throw new AuditError('bad_input', `${file}:${line}:${column}: this is not YAML: ${sentence}`)
  }
  return {
    file,
    value: plainData(document, file),
    placeOf(path, what) {
      let found: Node | null = document.contents
      let offset = found?.range?.[0] ?? 0
      for (const [i, key] of path.entries()) {
        if (isMap(found)) {
          const pair = found.items.find(({ key: name }) => String(isScalar(name) ? name.value : name) === String(key))
          if (pair === undefined) break
          const name = pair.key as Node
          found = pair.value as Node | null
          const node = (what === 'name' && i === path.length - 1) || found === null ? name : found
          offset = node.range?.[0] ?? offset
        } else {
          found = document.getIn(path.slice(0, i + 1), true) as Node | null
          if (found?.range == null) break
          offset = found.range[0]
        }
      }
      return placeAt(offset)
    },
  }
}

/** Aliases that unfold without end are refused, and names that are no texts: written out, they double with each level. */
function plainData(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    visit(document, {
      Pair(_, { key }) {
        if (!isScalar(key)) throw new Error('a name is a text, not a list or a map')
      },
    })
    return document.toJS({ maxAliasCount: 100 }) ?? undefined
  } catch (error) {
    throw new AuditError('bad_input', `${file}: ${(error as Error).message}`, { cause: error })
  }
}
