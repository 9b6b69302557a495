/** Conditions as people type them: `field op value`. */
import { type Condition, conditionTest, judgeCondition, type Operator, textFields } from './condition.ts'
import type { Json } from './entry.ts'
import { badInput, parseJson } from './json.ts'

/**
 * The condition in a text `field op value`, as `--where` takes it.
 *
 * A value is JSON, a text in single quotes (one that stands in it is doubled), or a bare word; for a field that always
 * holds a text, a bare number is a word. A list is JSON, or separated by commas.
 *
 * @throws AuditError `bad_input`
 * @example parseCondition('performanceMetrics.duration_ms gt 12.5')
 * @example parseCondition("operationResult.data.content contains 'two words'")
 */
export function parseCondition(text: string): Condition {
  const found = /^(\S+)\s+(\S+)(?:\s+(.*))?$/s.exec(text.trim())
  if (found === null) throw badInput('$.where', `a condition is written "field op value", not ${JSON.stringify(text)}`)
  const [, field = '', op = '', rest] = found
  const isList = op === 'in' || op === 'not_in' || op === 'between'
  const value = rest === undefined ? undefined : isList ? listIn(field, rest) : valueIn(field, rest)
  const condition = { field, op: op as Operator, ...(value === undefined ? {} : { value }) }
  conditionTest(judgeCondition(condition, '$.where'), '$.where')
  return condition
}

function listIn(field: string, text: string): Json {
  if (text.startsWith('[')) return jsonIn(text)
  return itemsOf(text).map(item => {
    if (item === '') throw badInput('$.where.value', `a value is missing between the commas of ${text}`)
    return valueIn(field, item)
  })
}

/** What stands between commas. An item that begins with a quote goes on to the one that closes it. */
function itemsOf(text: string): string[] {
  const items: string[] = []
  let start = 0
  let isAtStart = true
  for (let at = 0; at <= text.length; at++) {
    if (at === text.length || text[at] === ',') {
      items.push(text.slice(start, at).trim())
      start = at + 1
      isAtStart = true
    } else if (isAtStart && (text[at] === '"' || text[at] === "'")) {
      at = endOfQuote(text, at)
      isAtStart = false
    } else if (text[at]!.trim() !== '') isAtStart = false
  }
  return items
}

/** Where a quote is closed; at the end of the text when it is not. */
function endOfQuote(text: string, start: number): number {
  const quote = text[start]
  for (let at = start + 1; at < text.length; at++) {
    if (quote === '"' && text[at] === '\\') at++
    else if (text[at] === quote && quote === "'" && text[at + 1] === quote) at++
    else if (text[at] === quote) return at
  }
  return text.length - 1
}

function valueIn(field: string, text: string): Json {
  if (text.startsWith("'")) return quotedIn(text)
  if (/^["[{]/.test(text)) return jsonIn(text)
  const isWord = textFields.has(field) || !/^(?:-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)$/.test(text)
  return isWord ? text : jsonIn(text)
}

function quotedIn(text: string): string {
  if (!/^'(?:[^']|'')*'$/.test(text)) {
    throw badInput(
      '$.where.value',
      `${text} begins with a single quote: it must end with one, and any between is doubled`,
    )
  }
  return text.slice(1, -1).replaceAll("''", "'")
}

function jsonIn(text: string): Json {
  try {
    return parseJson(text)
  } catch (error) {
    throw badInput('$.where.value', `${text} is not JSON: ${(error as Error).message}`)
  }
}
