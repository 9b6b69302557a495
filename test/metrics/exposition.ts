/**
 * Reads what Prometheus reads, strictly: its text format 0.0.4 and OpenMetrics 1.0, which differ little here. What it makes
 * of the expositions that others wrote for this purpose is tested beside it.
 */

export interface ReadSample {
  readonly name: string
  readonly labels: { readonly [name: string]: string }
  readonly value: number
  readonly timestamp?: number
  readonly exemplar?: { readonly labels: { readonly [name: string]: string }; readonly value: number }
}

export interface ReadFamily {
  readonly name: string
  type: string
  help?: string
  unit?: string
  readonly samples: ReadSample[]
}

const types = ['counter', 'gauge', 'histogram', 'gaugehistogram', 'summary', 'info', 'stateset', 'unknown', 'untyped']
const suffixes = /_(?:total|created|bucket|sum|count|gsum|gcount|info)$/

/** @throws Error naming the line that is not of the format */
export function parseExposition(text: string): Map<string, ReadFamily> {
  const families = new Map<string, ReadFamily>()
  const familyOf = (name: string): ReadFamily => {
    const family = families.get(name) ?? { name, type: 'unknown', samples: [] }
    families.set(name, family)
    return family
  }
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const [i, line] of lines.entries()) {
    const scanner = new Scanner(line, i + 1)
    if (line === '') continue
    if (line === '# EOF') {
      if (i < lines.length - 1) scanner.fail('there is something after the end')
      break
    }
    const said = /^# (?<what>TYPE|HELP|UNIT) (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<value>.*)$/s.exec(line)?.groups
    if (said !== undefined) {
      const { what, name = '', value = '' } = said
      const family = familyOf(name)
      if (what === 'HELP') family.help = unescaped(value)
      if (what === 'UNIT') family.unit = value
      if (what === 'TYPE') {
        if (!types.includes(value)) scanner.fail(`there is no type ${value}`)
        if (family.samples.length > 0) scanner.fail('a type stands before its samples')
        family.type = value
      }
    } else if (!line.startsWith('#')) {
      const sample = scanner.sample()
      const family = [sample.name, sample.name.replace(suffixes, '')].find(name => families.has(name))
      familyOf(family ?? sample.name).samples.push(sample)
    }
  }
  return families
}

function unescaped(text: string): string {
  return text.replaceAll(/\\(.)/gs, (all, letter) => ({ n: '\n', '\\': '\\', '"': '"' })[letter as string] ?? all)
}

class Scanner {
  readonly #line: string
  readonly #number: number
  #at = 0

  constructor(line: string, number: number) {
    this.#line = line
    this.#number = number
  }

  fail(what: string): never {
    throw new Error(`line ${this.#number}, column ${this.#at + 1}: ${what}: ${this.#line}`)
  }

  sample(): ReadSample {
    const name = this.#take(/[a-zA-Z_:][a-zA-Z0-9_:]*/y, 'a metric has a name')
    const labels = this.#line[this.#at] === '{' ? this.#labels() : {}
    const value = this.#value()
    const timestamp = this.#line.startsWith(' # ', this.#at) ? undefined : this.#optionalNumber()
    const exemplar = this.#exemplar()
    if (this.#at < this.#line.length) this.fail('there is more')
    return {
      name,
      labels,
      value,
      ...(timestamp === undefined ? {} : { timestamp }),
      ...(exemplar === undefined ? {} : { exemplar }),
    }
  }

  #take(form: RegExp, what: string): string {
    form.lastIndex = this.#at
    const found = form.exec(this.#line)?.[0]
    if (found === undefined) this.fail(what)
    this.#at += found.length
    return found
  }

  #labels(): Record<string, string> {
    const labels: Record<string, string> = {}
    this.#take(/\{/y, 'a brace')
    while (this.#line[this.#at] !== '}') {
      if (Object.keys(labels).length > 0) this.#take(/,/y, 'a comma stands between labels')
      // The text format allows one after the last.
      if (this.#line[this.#at] === '}') break
      const name = this.#take(/[a-zA-Z_][a-zA-Z0-9_]*/y, 'a label has a name')
      if (Object.hasOwn(labels, name)) this.fail(`the label ${name} stands twice`)
      labels[name] = unescaped(this.#take(/="(?:[^"\\]|\\.)*"/sy, 'a label has a value in quotes').slice(2, -1))
    }
    this.#take(/\}/y, 'a brace ends the labels')
    return labels
  }

  #value(): number {
    const text = this.#take(
      / [+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[Ii]nf|[Nn]a[Nn])(?= |$)/y,
      'a number stands here',
    ).slice(1)
    if (/inf$/i.test(text)) return text.startsWith('-') ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    return Number(text)
  }

  #optionalNumber(): number | undefined {
    return this.#at < this.#line.length ? this.#value() : undefined
  }

  #exemplar(): ReadSample['exemplar'] {
    if (this.#at === this.#line.length) return undefined
    this.#take(/ # /y, 'an exemplar stands here')
    const labels = this.#labels()
    const value = this.#value()
    this.#optionalNumber()
    return { labels, value }
  }
}
