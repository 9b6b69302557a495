/**
 * Small changes to a program, one at a time: all of them are written into one text, where a number chooses at run time
 * which one holds. So a test is loaded once, and runs against each change.
 *
 * What is only said to people is left alone: texts with a space in them.
 */
import { stripTypeScriptTypes } from 'node:module'
import { parseSync } from 'vite'

export interface Mutant {
  readonly id: number
  /** Below `src/`. */
  readonly file: string
  /** From 1. */
  readonly line: number
  readonly column: number
  /** The line, as it stands in the source. */
  readonly source: string
  readonly from: string
  readonly to: string
}

/** Ids of one file lie between its number times this and the next. */
export const idsPerFile = 10_000

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly [key: string]: unknown
}

interface Change {
  readonly from: string
  readonly to: string
}

/**
 * Changes a module into one that holds all its mutants, and asks `globalThis.mutation(id)` which holds.
 *
 * @param firstId the id of its first mutant
 */
export function instrument(file: string, source: string, firstId: number): { code: string; mutants: Mutant[] } {
  const js = stripTypeScriptTypes(source)
  const { program, errors } = parseSync(file, js, { lang: 'js', sourceType: 'module' })
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`)
  const lines = source.split('\n')
  const mutants: Mutant[] = []

  const raw = ({ start, end }: Node) => js.slice(start, end)
  const add = (node: Node, { from, to }: Change): number => {
    const before = js.slice(0, node.start).split('\n')
    const id = firstId + mutants.length
    const place = { line: before.length, column: before.at(-1)!.length + 1 }
    mutants.push({ id, file, ...place, source: lines[place.line - 1]!.trim(), from, to })
    return id
  }

  /** A node with all mutants in it. */
  function write(node: Node, place: Place): string {
    if (unchanged.has(node.type)) return raw(node)
    if (node.type === 'ExpressionStatement' || leaving.has(node.type)) return writeStatement(node)
    const own = place.isHost ? expressionChanges(node, place, raw) : []
    const inner = writeInner(node, place)
    if (own.length === 0) return inner
    const choices = own.map(change => `mutation(${add(node, change)})?(${change.to}):`).join('')
    return `(${choices}(${inner}))`
  }

  function writeInner(node: Node, place: Place): string {
    let text = ''
    let at = node.start
    for (const [child, childPlace] of childrenOf(node, place)) {
      text += js.slice(at, child.start) + write(child, childPlace)
      at = child.end
    }
    return text + js.slice(at, node.end)
  }

  /** A statement may be left out; and what is returned may be nothing. */
  function writeStatement(node: Node): string {
    const argument = (node.expression ?? node.argument) as Node | undefined
    if (node.directive !== undefined || argument?.type === 'Super' || callee(argument)?.type === 'Super')
      return raw(node)
    const inner = writeInner(node, plainPlace)
    if (node.type === 'ReturnStatement') return inner
    return `{if(!mutation(${add(node, { from: raw(node), to: '' })})){${inner}\n}}`
  }

  const code = write(program as unknown as Node, plainPlace)
  return { code, mutants }
}

/** Where a node stands. */
interface Place {
  /** Whether it may be put in brackets: not so within `a?.b.c`, which they would cut in two. */
  readonly isHost: boolean
  /** Truths that are tried in its place: both of a condition, and of a part of one that which makes the part count for nothing. */
  readonly truths: readonly string[]
  /** Whether it is what a function gives back. */
  readonly isReturned: boolean
}

const plainPlace: Place = { isHost: true, truths: [], isReturned: false }
const testPlace: Place = { ...plainPlace, truths: ['true', 'false'] }
/** What a part of `&&` or `||` is without effect as. */
const neutral: Readonly<Record<string, string>> = { '&&': 'true', '||': 'false' }

const unchanged = new Set([
  'ImportDeclaration',
  'ExportAllDeclaration',
  'ImportExpression',
  'TaggedTemplateExpression',
  'MetaProperty',
])
const leaving = new Set(['ThrowStatement', 'BreakStatement', 'ContinueStatement', 'ReturnStatement'])
const tests = new Set(['IfStatement', 'ConditionalExpression', 'WhileStatement', 'DoWhileStatement', 'ForStatement'])
const chained = new Set(['MemberExpression', 'CallExpression'])

function callee(node: Node | undefined): Node | undefined {
  return node?.type === 'CallExpression' ? (node.callee as Node) : undefined
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as Node).type === 'string'
}

/** The nodes below a node that can be changed, in the order in which they stand. */
function childrenOf(node: Node, { isHost, truths }: Place): [Node, Place][] {
  const children: [Node, Place][] = []
  for (const [key, value] of Object.entries(node)) {
    const isName = key === 'key' && node.computed !== true
    if (isName || key === 'label' || key === 'superClass' || (key === 'source' && node.type.startsWith('Export')))
      continue
    if (node.type === 'Property' && node.shorthand === true && key === 'value') continue
    for (const child of Array.isArray(value) ? value : [value]) {
      if (!isNode(child)) continue
      let place = plainPlace
      const isSpine = key === 'object' || key === 'callee'
      if (node.type === 'ChainExpression' || (!isHost && isSpine && chained.has(node.type))) {
        place = { ...plainPlace, isHost: false }
      } else if (key === 'test' && tests.has(node.type)) {
        place = testPlace
      } else if (node.type === 'ParenthesizedExpression') {
        place = { ...plainPlace, truths }
      } else if (node.type === 'LogicalExpression' && node.operator !== '??') {
        place = { ...plainPlace, truths: [neutral[node.operator as string]!] }
      } else if (node.type === 'ReturnStatement') {
        place = { ...plainPlace, isReturned: true }
      }
      children.push([child, place])
    }
  }
  return children.sort(([a], [b]) => a.start - b.start)
}

const comparisons: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
}
const arithmetic: Readonly<Record<string, string>> = {
  '+': '-',
  '-': '+',
  '*': '/',
  '/': '*',
  '%': '*',
  '**': '*',
  '&': '|',
  '|': '&',
  '^': '&',
  '<<': '>>>',
  '>>': '<<',
  '>>>': '<<',
  '+=': '-=',
  '-=': '+=',
  '*=': '/=',
  '/=': '*=',
  '??=': '=',
  '||=': '=',
  '&&=': '=',
}
/** Calls that another name makes another call. */
const swapped: Readonly<Record<string, string>> = {
  min: 'max',
  max: 'min',
  floor: 'ceil',
  ceil: 'floor',
  some: 'every',
  every: 'some',
  startsWith: 'endsWith',
  endsWith: 'startsWith',
  toLowerCase: 'toUpperCase',
  toUpperCase: 'toLowerCase',
  push: 'unshift',
  shift: 'pop',
  indexOf: 'lastIndexOf',
}
/** Calls that can be left out, so that what they are called on stays as it was. */
const removable = new Set([
  'sort',
  'toSorted',
  'reverse',
  'toReversed',
  'filter',
  'slice',
  'subarray',
  'trim',
  'normalize',
  'concat',
])

/** What may stand in the place of an expression. */
function expressionChanges(node: Node, { truths, isReturned }: Place, raw: (node: Node) => string): Change[] {
  const changes: Change[] = []
  const isTest = truths.length > 0
  const from = raw(node)
  const change = (to: string, what = from) => changes.push({ from: what, to })
  const between = (operator: string) => `${raw(node.left as Node)} ${operator} ${raw(node.right as Node)}`
  const isText = (side: unknown) => isNode(side) && (typeof side.value === 'string' || side.type === 'TemplateLiteral')

  switch (node.type) {
    case 'BinaryExpression': {
      const operator = node.operator as string
      for (const other of comparisons[operator] ?? []) {
        const isBoundary = other.length !== operator.length && other[0] === operator[0] && !other.startsWith('!')
        if (!isTest || (isBoundary && other !== '===')) change(between(other))
      }
      const other = arithmetic[operator]
      if (other !== undefined && !isText(node.left) && !isText(node.right)) change(between(other))
      break
    }
    case 'LogicalExpression':
      if (node.operator === '??') {
        change(raw(node.left as Node))
        change(raw(node.right as Node))
      }
      break
    case 'AssignmentExpression': {
      const other = arithmetic[node.operator as string]
      if (other !== undefined && !isText(node.right)) change(between(other))
      break
    }
    case 'UnaryExpression':
      if ((node.operator === '!' && !isTest) || node.operator === '-') change(raw(node.argument as Node))
      break
    case 'UpdateExpression':
      change(node.operator === '++' ? from.replace('++', '--') : from.replace('--', '++'))
      break
    case 'ChainExpression':
      if (from.includes('?.')) change(from.replace(/\?\.(?=[[(])|\?(?=\.)/, ''))
      break
    case 'ArrayExpression':
      if ((node.elements as unknown[]).length > 0) change('[]')
      break
    case 'CallExpression': {
      const called = node.callee as Node
      const property = called.property as Node | undefined
      if (called.type !== 'MemberExpression' || called.computed === true || property === undefined) break
      const name = raw(property)
      const object = raw(called.object as Node)
      if (Object.hasOwn(swapped, name)) change(`${object}.${swapped[name]}${from.slice(raw(called).length)}`)
      if (removable.has(name)) change(object)
      break
    }
    case 'TemplateLiteral':
      if (!from.includes(' ')) change("''")
      break
    case 'Literal':
      changes.push(...literalChanges(node, from))
      break
  }
  for (const truth of node.type === 'ParenthesizedExpression' ? [] : truths) {
    const isOfItsParts = truth === neutral[node.operator as string]
    if (truth !== from && !isOfItsParts) change(truth)
  }
  const says = ['BinaryExpression', 'LogicalExpression', 'UnaryExpression', 'Literal', 'ConditionalExpression']
  if (isReturned && !says.includes(node.type) && from !== 'undefined') change('undefined', `return ${from}`)
  return changes
}

function literalChanges(node: Node, from: string): Change[] {
  const { value } = node
  const to = (...texts: string[]) => texts.map(text => ({ from, to: text }))
  if (typeof value === 'boolean') return to(String(!value))
  if (typeof value === 'number') return value === 0 ? to('1') : to(`${from} + 1`, `${from} - 1`)
  if (typeof value === 'bigint') return value === 0n ? to('1n') : to(`${from} + 1n`, `${from} - 1n`)
  if (typeof value === 'string' && !value.includes(' ')) return to(value === '' ? "'x'" : "''")
  if (node.regex === undefined) return []
  const changed = [from.replace(/^\/\^/, '/'), from.replace(/\$(?=\/[a-z]*$)/, ''), '/(?!)/']
  return changed.filter(text => text !== from && !text.startsWith('//')).flatMap(text => to(text))
}
