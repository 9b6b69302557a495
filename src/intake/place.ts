/** Places in an entry, as people write them in rules: `arguments.*.token`, `userContext["odd name"]`, `sealed.**.phone`. */
import { sealedNames } from '../core/entry.ts'
import { badInput } from '../core/json.ts'

/** Whether a name, or the position of a list item, is meant. */
type Step = ((name: string) => boolean) | typeof anyDepth
const anyDepth = '**'

/** A place, to be followed from the root of an entry, name by name. */
export type Place = readonly Step[]

/** The members at which a place can begin. */
const roots: ReadonlySet<string> = new Set([
  ...sealedNames,
  'arguments',
  'sealed',
  'attributes',
  'operation',
  'component',
])

/**
 * A place as it is written.
 *
 * @param where what is said to be wrong when it is: `$.intake.redaction.rules[2].path`
 * @throws AuditError `bad_input`
 */
export function parsePlace(text: string, where: string): Place {
  const steps: Step[] = []
  const part = /(?:^|\.)([^.[\]"]+)|\[(\d+|\*)\]|\["((?:[^"\\]|\\["\\])*)"\]/y
  while (part.lastIndex < text.length) {
    const at = part.lastIndex
    const found = part.exec(text)
    if (found === null) throw badInput(where, `${text} is no place: ${text.slice(at)} is not a name behind a dot`)
    const [, name, index, quoted] = found
    if (steps.length === 0) {
      if (name !== anyDepth && !roots.has(name ?? '')) {
        throw badInput(where, `${text} must begin with **, ${[...roots].join(', ')}`)
      }
      const rest = text.slice(part.lastIndex + 1)
      if (name === 'attributes' && text[part.lastIndex] === '.' && rest !== '') return [named(name), named(rest)]
    }
    if (name === anyDepth) steps.push(anyDepth)
    else steps.push(quoted === undefined ? named((name ?? index)!) : exactly(quoted.replaceAll(/\\(.)/g, '$1')))
  }
  if (steps.length === 0) throw badInput(where, 'a place is missing')
  // Two members are maps of values that are each a thing of its own.
  return text === 'sealed' || text === 'attributes' ? [...steps, named('*')] : steps
}

/** Spellings of a name that mean the same: `api_key`, `apiKey`, `API-Key`. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_ ]/g, '')
}

function exactly(name: string): (name: string) => boolean {
  return other => other === name
}

function named(glob: string): (name: string) => boolean {
  if (glob === '*') return () => true
  return globTest(plainName(glob), plainName)
}

/** What is meant by a text in which `*` stands for anything. Takes time in proportion to the text. */
export function globTest(glob: string, plain: (text: string) => string = text => text): (text: string) => boolean {
  const parts = glob.split('*')
  if (parts.length === 1) return text => plain(text) === glob
  const first = parts[0]!
  const last = parts.at(-1)!
  const middle = parts.slice(1, -1)
  return text => {
    const name = plain(text)
    if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
    let at = first.length
    for (const piece of middle) {
      const found = name.indexOf(piece, at)
      if (found < 0) return false
      at = found + piece.length
    }
    return at <= name.length - last.length
  }
}

/** Where one walks along a place: how many of its steps are behind. */
interface Cursor<T> {
  readonly place: Place
  readonly at: number
  readonly owner: T
}

/** Walkers along several places, each of which belongs to somebody. */
export type Cursors<T> = readonly Cursor<T>[]

interface Arrival<T> {
  readonly next: Cursors<T>
  readonly arrived: T | undefined
}

const lost: Arrival<never> = { next: [], arrived: undefined }

export function startAlong<T>(places: readonly { readonly place: Place; readonly owner: T }[]): Cursors<T> {
  return places.map(({ place, owner }) => ({ place, owner, at: 0 }))
}

/** One name further. `arrived` is the first owner whose place this is. */
export function stepAlong<T>(cursors: Cursors<T>, key: string | number): Arrival<T> {
  if (cursors.length === 0) return lost
  const name = String(key)
  const next: Cursor<T>[] = []
  const goOn = (place: Place, owner: T, at: number): void => {
    if (!next.some(other => other.place === place && other.at === at)) next.push({ place, owner, at })
  }
  let arrived: T | undefined
  for (const { place, owner, at } of cursors) {
    for (let i = at; i < place.length; i++) {
      const step = place[i]!
      if (step === anyDepth) {
        // It may stand for this name and more, or for none at all.
        goOn(place, owner, i)
        if (i === place.length - 1) arrived ??= owner
        continue
      }
      if (step(name)) {
        if (i === place.length - 1) arrived ??= owner
        else goOn(place, owner, i + 1)
      }
      break
    }
  }
  return { next, arrived }
}
