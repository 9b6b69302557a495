/**
 * Charts as SVG, drawn by hand: self-contained, readable on light and dark grounds and without colour, with a title and a
 * description for those who do not see them.
 */

interface Labelled {
  /** The file's name, without its ending. */
  readonly name: string
  readonly title: string
  /** What the chart shows, in a sentence or two. */
  readonly description: string
}

/** Something drawn over a logarithmic x axis. */
export interface LineChart extends Labelled {
  readonly kind: 'lines'
  readonly x: { readonly label: string; readonly ticks: readonly number[] }
  readonly y: { readonly label: string }
  readonly lines: readonly {
    readonly name: string
    /** Which colour, dash and mark: the same for the same thing in all charts. */
    readonly style: number
    readonly points: readonly (readonly [x: number, y: number])[]
  }[]
}

export interface BarChart extends Labelled {
  readonly kind: 'bars'
  readonly x: { readonly label: string }
  readonly bars: readonly { readonly name: string; readonly style: number; readonly value: number }[]
  /** A value to hold all of them against. */
  readonly mark?: { readonly name: string; readonly value: number }
}

export type Chart = LineChart | BarChart

/** Colours on light and on dark ground, told apart by people who see fewer of them too; dashes for those who see none. */
const styles: readonly (readonly [light: string, dark: string, dash: string])[] = [
  ['#0b5fcc', '#58a6ff', ''],
  ['#57606a', '#aab4be', '7 4'],
  ['#b35900', '#f0883e', '2 3'],
  ['#1a7f37', '#3fb950', '9 3 2 3'],
  ['#00798c', '#39c5cf', '12 4'],
  ['#8250df', '#bc8cff', '4 2'],
  ['#bf3989', '#f778ba', '2 2 6 2'],
  ['#7d5600', '#d29922', '10 2 2 2 2 2'],
  ['#cf222e', '#ff7b72', '5 5'],
  ['#3d5a80', '#8fb3d9', '1 3'],
]

const width = 760
const left = 78
const right = 24
const lineHeight = 18

export function drawChart(chart: Chart): string {
  const head = [
    ...wrapped(chart.title, 80).map(line => ({ line, kind: 'title' })),
    ...wrapped(chart.description, 118).map(line => ({ line, kind: 'note' })),
  ]
  const heading = head.map(({ line, kind }, i) => text(20, 30 + i * lineHeight, line, kind))
  const top = 30 + head.length * lineHeight
  const { parts, height } = chart.kind === 'lines' ? drawLines(chart, top) : drawBars(chart, top)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="title description">`,
    `<title id="title">${escaped(chart.title)}</title>`,
    `<desc id="description">${escaped(`${chart.description} ${inWords(chart)}`)}</desc>`,
    `<style>${styleSheet()}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    ...heading,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function drawLines({ x, y, lines }: LineChart, top: number): { parts: string[]; height: number } {
  const legend = drawLegend(lines, top)
  const from = legend.bottom + 22
  const to = from + 290
  const values = lines.flatMap(({ points }) => points.map(([, value]) => value)).filter(value => value > 0)
  const ticks = logTicks(Math.min(...values), Math.max(...values))
  const across = logScale(x.ticks[0]!, x.ticks.at(-1)!, left + 16, width - right - 16)
  const up = logScale(ticks[0]!, ticks.at(-1)!, to, from)
  const parts = [
    ...legend.parts,
    ...ticks.flatMap(tick => [
      `<line class="grid" x1="${left}" x2="${width - right}" y1="${at(up(tick))}" y2="${at(up(tick))}"/>`,
      text(left - 8, up(tick) + 4, short(tick), 'tick end'),
    ]),
    ...x.ticks.flatMap(tick => [
      `<line class="grid" x1="${at(across(tick))}" x2="${at(across(tick))}" y1="${from}" y2="${to}"/>`,
      text(across(tick), to + 18, short(tick), 'tick middle'),
    ]),
    `<path class="axis" d="M${left} ${from}V${to}H${width - right}"/>`,
    text((left + width - right) / 2, to + 38, x.label, 'label middle'),
    `<text class="label middle" transform="translate(20 ${(from + to) / 2}) rotate(-90)">${escaped(y.label)}</text>`,
    // The first line is what the chart is about: it is drawn over the others.
    ...lines.toReversed().flatMap(({ style, points }) => {
      const drawn = points.filter(([, value]) => value > 0).map(([px, py]) => [across(px), up(py)] as const)
      return [
        `<path class="line c${style}" d="${drawn.map(([px, py], i) => `${i === 0 ? 'M' : 'L'}${at(px)} ${at(py)}`).join('')}"/>`,
        ...drawn.map(([px, py]) => mark(style, px, py)),
      ]
    }),
  ]
  return { parts, height: to + 54 }
}

/** Names of the lines, as many in a row as there is room for. */
function drawLegend(lines: LineChart['lines'], top: number): { parts: string[]; bottom: number } {
  const parts: string[] = []
  let x = 20
  let y = top + 8
  for (const { name, style } of lines) {
    const wide = 44 + name.length * 6.6
    if (x + wide > width - right && x > 20) {
      x = 20
      y += 20
    }
    parts.push(
      `<path class="line c${style}" d="M${x} ${y}h26"/>`,
      mark(style, x + 13, y),
      text(x + 32, y + 4, name, 'key'),
    )
    x += wide + 12
  }
  return { parts, bottom: y }
}

function drawBars({ x, bars, mark: reference }: BarChart, top: number): { parts: string[]; height: number } {
  const names = Math.min(300, 24 + Math.max(...bars.map(({ name }) => name.length)) * 6.8)
  const from = top + (reference === undefined ? 4 : 24)
  const to = from + bars.length * 34
  const most = Math.max(...bars.map(({ value }) => value), reference?.value ?? 0)
  const ticks = linearTicks(most)
  const across = (value: number) => names + (value / ticks.at(-1)!) * (width - right - 60 - names)
  const parts = [
    ...ticks.flatMap(tick => [
      `<line class="grid" x1="${at(across(tick))}" x2="${at(across(tick))}" y1="${from}" y2="${to}"/>`,
      text(across(tick), to + 18, short(tick), 'tick middle'),
    ]),
    ...bars.flatMap(({ name, style, value }, i) => {
      const y = from + i * 34 + 6
      return [
        text(names - 8, y + 15, name, 'key end'),
        `<rect class="bar f${style}" x="${names}" y="${y}" width="${at(Math.max(1, across(value) - names))}" height="22"/>`,
        text(across(value) + 6, y + 15, short(value), 'key'),
      ]
    }),
    `<path class="axis" d="M${names} ${from}V${to}H${width - right}"/>`,
    ...(reference === undefined
      ? []
      : [
          `<line class="halo" x1="${at(across(reference.value))}" x2="${at(across(reference.value))}" y1="${from - 6}" y2="${to}"/>`,
          `<line class="mark" x1="${at(across(reference.value))}" x2="${at(across(reference.value))}" y1="${from - 6}" y2="${to}"/>`,
          text(across(reference.value), from - 11, `${reference.name}: ${short(reference.value)}`, 'key middle'),
        ]),
    text((names + width - right) / 2, to + 38, x.label, 'label middle'),
  ]
  return { parts, height: to + 54 }
}

/** The values of a chart, for those who cannot see it. */
function inWords(chart: Chart): string {
  if (chart.kind === 'bars') {
    const values = [...chart.bars, ...(chart.mark === undefined ? [] : [chart.mark])]
    return `${chart.x.label}: ${values.map(({ name, value }) => `${name} ${short(value)}`).join('; ')}.`
  }
  const series = chart.lines.map(
    ({ name, points }) => `${name} ${points.map(([x, y]) => `${short(y)} at ${short(x)}`).join(', ')}`,
  )
  return `${chart.y.label} over ${chart.x.label}: ${series.join('; ')}.`
}

function mark(style: number, x: number, y: number): string {
  const r = 4.5
  const shapes = [
    `<circle cx="${at(x)}" cy="${at(y)}" r="${r}"`,
    `<rect x="${at(x - r + 0.5)}" y="${at(y - r + 0.5)}" width="${2 * r - 1}" height="${2 * r - 1}"`,
    `<path d="M${at(x)} ${at(y - r - 1)}l${r + 1} ${2 * r}h${-2 * r - 2}z"`,
    `<path d="M${at(x)} ${at(y - r - 1)}l${r + 1} ${r + 1}l${-r - 1} ${r + 1}l${-r - 1} ${-r - 1}z"`,
    `<path d="M${at(x)} ${at(y + r + 1)}l${r + 1} ${-2 * r}h${-2 * r - 2}z"`,
  ]
  return `${shapes[style % shapes.length]} class="point f${style}"/>`
}

function text(x: number, y: number, content: string, kind: string): string {
  return `<text class="${kind}" x="${at(x)}" y="${at(y)}">${escaped(content)}</text>`
}

function logScale(low: number, high: number, from: number, to: number): (value: number) => number {
  const span = Math.log(high / low) || 1
  return value => from + (Math.log(value / low) / span) * (to - from)
}

/** Powers of ten around the values, with 2 and 5 between them when they lie close together. */
function logTicks(low: number, high: number): number[] {
  const steps = high / low > 300 ? [1] : [1, 2, 5]
  const all: number[] = []
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    all.push(...steps.map(step => Number(`${step}e${power}`)))
  }
  const first = all.findLastIndex(tick => tick <= low)
  const last = all.findIndex(tick => tick >= high)
  return all.slice(Math.max(0, first), (last === -1 ? all.length : last) + 1 + (first === last ? 1 : 0))
}

/** From nought, round steps, the last at or above the greatest value. */
function linearTicks(most: number): number[] {
  const rough = most / 5
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find(factor => factor * power >= rough) ?? 10)
  return Array.from({ length: Math.ceil(most / step) + 1 }, (_, i) => Number((i * step).toPrecision(6)))
}

function short(value: number): string {
  const scaled = (by: number, unit: string) => `${Number((value / by).toPrecision(3))}${unit}`
  if (value >= 1e6) return scaled(1e6, ' M')
  if (value >= 1e4) return scaled(1e3, ' k')
  return String(value >= 1000 ? Math.round(value) : Number(value.toPrecision(3)))
}

function at(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function wrapped(sentence: string, columns: number): string[] {
  const lines = ['']
  for (const word of sentence.split(' ')) {
    const line = lines.at(-1)!
    if (line !== '' && line.length + 1 + word.length > columns) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

function styleSheet(): string {
  const colours = (shade: 0 | 1) => styles.map((style, i) => `--c${i}:${style[shade]}`).join(';')
  return [
    `svg{--ground:#fff;--ink:#1f2328;--soft:#59636e;--grid:#d8dee4;${colours(0)};font-family:system-ui,-apple-system,"Segoe UI","Noto Sans",sans-serif}`,
    `@media(prefers-color-scheme:dark){svg{--ground:#0d1117;--ink:#e6edf3;--soft:#9da7b1;--grid:#2b3138;${colours(1)}}}`,
    '.ground{fill:var(--ground)}.title{font-size:16px;font-weight:600;fill:var(--ink)}.note,.tick,.label{font-size:12px;fill:var(--soft)}',
    '.key{font-size:12px;fill:var(--ink)}.middle{text-anchor:middle}.end{text-anchor:end}.grid{stroke:var(--grid)}',
    '.axis{fill:none;stroke:var(--soft)}.halo{stroke:var(--ground);stroke-width:4.5}.mark{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:5 3}.line{fill:none;stroke-width:2.2}.point{stroke:var(--ground);stroke-width:1}',
    ...styles.map(
      ([, , dash], i) => `.c${i}{stroke:var(--c${i})${dash && `;stroke-dasharray:${dash}`}}.f${i}{fill:var(--c${i})}`,
    ),
  ].join('\n')
}
