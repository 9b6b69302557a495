/**
 * The labels of a metric, as a closed set: each label has the values that its definition names, and `other` for whatever
 * else comes. So a metric has as many series on its first day as in its tenth year, and no id can become one.
 */

export type Labels = { readonly [name: string]: string }

/** What a value that no definition names becomes. */
export const otherValue = 'other'

interface Label {
  readonly name: string
  readonly values: readonly string[]
  readonly places: ReadonlyMap<string, number>
  /** By how much the number of a series grows with each value. */
  readonly step: number
}

/** The series of one metric, numbered from 0. */
export class LabelSet {
  readonly #labels: readonly Label[]
  /** How many series there can be. */
  readonly size: number

  constructor(definition: { readonly [name: string]: readonly string[] } = {}) {
    const labels: Label[] = []
    let size = 1
    for (const [name, named] of Object.entries(definition)) {
      const values = [...new Set(named).difference(new Set([otherValue])), otherValue]
      labels.push({ name, values, places: new Map(values.map((value, place) => [value, place])), step: size })
      size *= values.length
    }
    this.#labels = labels
    this.size = size
  }

  /** The series of some labels. A label that is not of this metric plays no part; one that is not given is `other`. */
  seriesOf(given: Labels): number {
    let series = 0
    for (const { name, values, places, step } of this.#labels) {
      const value = given[name]
      series += (value === undefined ? values.length - 1 : (places.get(value) ?? values.length - 1)) * step
    }
    return series
  }

  labelsOf(series: number): Labels {
    return Object.fromEntries(
      this.#labels.map(({ name, values, step }) => [name, values[Math.floor(series / step) % values.length]!]),
    )
  }

  /** Whether every label has a value that the definition names. */
  isNamed(series: number): boolean {
    return !Object.values(this.labelsOf(series)).includes(otherValue)
  }
}
