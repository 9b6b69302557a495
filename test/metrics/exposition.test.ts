/** The reader that our own text is read with in these tests, against expositions that others wrote for such readers. */
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeVectors, unpackVector } from '../support/vectors.ts'
import { parseExposition } from './exposition.ts'

describeVectors('the reader of expositions', () => {
  const folder = unpackVector('openmetrics/should-parse.tar.gz')
  const cases = readdirSync(folder).sort()
  const read = (name: string) => readFileSync(path.join(folder, name, 'metrics'), 'utf8')

  it('has 44 of them to read', () => {
    expect(cases).toHaveLength(44)
  })

  it.each(cases)('reads every sample of %s', name => {
    const lines = read(name).split('\n')
    const families = parseExposition(read(name))
    const samples = [...families.values()].flatMap(family => family.samples)
    expect(samples).toHaveLength(lines.filter(line => line !== '' && !line.startsWith('#')).length)
    const typed = lines.flatMap(line => /^# TYPE (\S+) (\S+)$/.exec(line)?.slice(1, 3).join(' ') ?? [])
    expect(typed).toEqual(
      [...families.values()].filter(of => of.type !== 'unknown' || typed.length > 0).map(of => `${of.name} ${of.type}`),
    )
  })

  it.each<[string, string, readonly object[]]>([
    [
      'escaping',
      'a',
      [
        { labels: { foo: 'b"a\nr' }, value: 1 },
        { labels: { foo: 'b\\a\\z' }, value: 2 },
        { labels: { foo: 'b"a\nr # ' }, value: 3 },
        { labels: { foo: 'b\\a\\z # ' }, value: 4 },
      ],
    ],
    ['hash_in_label_value', 'a', [{ labels: { foo: 'foo # bar' } }, { labels: { foo: '} foo # bar # ' } }]],
    ['labels_with_curly_braces', 'a', [{ labels: { foo: 'bar', bar: 'b{a}z' } }]],
    ['labels_and_infinite', 'a', [{ value: Number.POSITIVE_INFINITY }, { value: Number.NEGATIVE_INFINITY }]],
    ['nan_gauge', 'a', [{ value: Number.NaN }]],
    ['uint64_counter', 'a', [{ value: 2 ** 63 }]],
    ['leading_zeros_float_gauge', 'a', [{ value: 0.12 }]],
    ['duplicate_timestamps_0', 'a', [{ timestamp: 0 }, { timestamp: 1e-10 }, { timestamp: 1e-9 }, {}, {}]],
    ['counter_exemplars', 'a', [{ value: 0, timestamp: 123, exemplar: { labels: { a: 'b' }, value: 0.5 } }]],
    ['empty_label', 'a', [{ labels: { foo: 'bar' } }, { labels: { foo: '' } }]],
  ])('understands %s', (name, family, samples) => {
    expect(parseExposition(read(name)).get(family)?.samples).toMatchObject(samples)
  })

  it('understands the text of help', () => {
    const families = parseExposition(read('help_escaping'))
    const helps = ['foo', '\\foo', '\\foo', 'foo\\', '\\', '\n', '\\n', '\\\n', '"', '\\"']
    expect([...families.values()].map(({ help }) => help)).toEqual(helps)
  })
})

describe('what is no exposition', () => {
  it.each([
    'a',
    'a 1 2 3',
    'a one',
    'a{b} 1',
    'a{b=c} 1',
    'a{b="c} 1',
    'a{b="c",b="d"} 1',
    'a{b="c"d="e"} 1',
    '1a 1',
    ' a 1',
    'a  1',
    '# TYPE a number',
    'a 1\n# TYPE a gauge',
    'a 1\n# EOF\na 2',
  ])('is refused: %j', text => {
    expect(() => parseExposition(`${text}\n`)).toThrow(/^line \d+/)
  })
})
