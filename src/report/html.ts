/**
 * A report as one HTML file that needs nothing else: no script, no font, no picture, no network. Its policy
 * (Content-Security-Policy) allows its own style sheet, by its digest, and nothing more.
 */
import { createHash } from 'node:crypto'
import { AuditError } from '../core/errors.ts'
import { barSvg, latencySvg, patterns, timelineSvg } from './charts.ts'
import { type Block, documentOf, type Inline, type Section, type Text, type Verdict } from './document.ts'
import { escaped } from './escaped.ts'
import type { Query } from './queries.ts'
import type { AuditReport } from './report.ts'
import { style } from './style.ts'
import { moment } from './words.ts'

export interface HtmlOptions {
  /** Where a console runs, `http(s)://…`: figures then lead there, instead of to the list of questions. */
  readonly consoleUrl?: string | undefined
}

const marks = { good: '✓', bad: '✗', unsure: '!' } as const
/** Sections that begin a page on paper. */
const apart = /^(?:controls-|checking|queries)/

/**
 * A report as an HTML file.
 *
 * @throws AuditError `bad_input` when `consoleUrl` is not an `http:` or `https:` address
 * @example await writeFile('report.html', formatHtml(report))
 */
export function formatHtml(report: AuditReport, { consoleUrl }: HtmlOptions = {}): string {
  const { title, facts, verdicts, keyFigures, sections } = documentOf(report)
  const spell = new Spelling(report.queries, consoleUrl === undefined ? undefined : checkedUrl(consoleUrl))
  const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; form-action 'none'`
  const tampered = report.integrityStatus.valid ? '' : 'TAMPERING FOUND · '
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${tampered}${escaped(title)} · ${escaped(report.origin)}</title>
<style>${style}</style>
</head>
<body>
${patterns}
<header>
<p class="kicker">memmimic-audit · ${escaped(report.type)}</p>
<h1>${escaped(title)}</h1>
${spell.facts(facts)}
<div class="verdicts">
${verdicts.map(verdict => spell.verdict(verdict)).join('\n')}
</div>
<dl class="key">${keyFigures.map(([name, text]) => `<div><dt>${escaped(name)}</dt><dd>${spell.text(text)}</dd></div>`).join('')}</dl>
<nav aria-label="Contents"><ol>
${sections.map(({ id, title }) => `<li><a href="#${id}">${escaped(title)}</a></li>`).join('\n')}
</ol></nav>
</header>
<main>
${sections.map(section => spell.section(section)).join('\n')}
</main>
<footer>Report ${escaped(report.reportId)}, written by memmimic-audit. It says what the log holds; what follows from that is for people to judge.</footer>
</body>
</html>
`
}

function checkedUrl(text: string): URL {
  const url = URL.parse(text)
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url
  throw new AuditError(
    'bad_input',
    `the address of the console begins with http:// or https://, not ${JSON.stringify(text)}`,
  )
}

/** The parts of a report as HTML. */
class Spelling {
  readonly #queries: ReadonlyMap<string, Query>
  readonly #console: URL | undefined

  constructor(queries: readonly Query[], console: URL | undefined) {
    this.#queries = new Map(queries.map(query => [query.id, query]))
    this.#console = console
  }

  section({ id, title, blocks }: Section): string {
    return `<section id="${id}"${apart.test(id) ? ' class="apart"' : ''}>
<h2>${escaped(title)}</h2>
${blocks.map(block => this.#block(block, id)).join('\n')}
</section>`
  }

  verdict({ about, state, word, says }: Verdict): string {
    return `<section class="verdict ${state}"><h2>${escaped(about)}</h2>
<p class="word"><span aria-hidden="true">${marks[state]}</span> ${escaped(word)}</p>
<p>${this.text(says)}</p></section>`
  }

  facts(facts: readonly (readonly [string, Text])[]): string {
    return `<dl>${facts.map(([name, text]) => `<dt>${escaped(name)}</dt><dd>${this.text(text)}</dd>`).join('')}</dl>`
  }

  text(text: Text): string {
    return text.map(inline => this.#inline(inline)).join('')
  }

  #block(block: Block, section: string): string {
    switch (block.kind) {
      case 'text':
        return `<p>${this.text(block.text)}</p>`
      case 'facts':
        return this.facts(block.facts)
      case 'verbatim':
        return `<p>${escaped(block.label)}:</p>\n<pre tabindex="0">${block.text.trimEnd().split('\n').map(escaped).join('\n')}</pre>`
      case 'timeline':
        return timelineSvg(block)
      case 'latency':
        return latencySvg(block)
      case 'table':
        return this.#table(block, section === 'queries')
    }
  }

  /** @param numbers whether the rows are what figures lead to */
  #table({ caption, columns, rows, note }: Extract<Block, { kind: 'table' }>, numbers: boolean): string {
    const side = (i: number) => (columns[i]!.align === 'right' ? ' class="r"' : '')
    const head = columns.map(({ title }, i) => `<th scope="col"${side(i)}>${escaped(title)}</th>`).join('')
    const body = rows.map(cells => {
      const [first = [], ...rest] = cells
      const id = numbers ? ` id="${escaped(String(first[0]))}"` : ''
      const others = rest.map((cell, i) => `<td${side(i + 1)}>${this.text(cell)}</td>`).join('')
      return `<tr${id}><th scope="row"${side(0)}>${this.text(first)}</th>${others}</tr>`
    })
    const isNarrow = columns.length <= 3 && columns.slice(1).every(({ align }) => align === 'right')
    return `<div class="scroll" role="region" aria-label="${escaped(caption)}" tabindex="0"><table${isNarrow ? ' class="narrow"' : ''}>
<caption>${escaped(caption)}</caption>
<thead><tr>${head}</tr></thead>
<tbody>
${body.join('\n')}
</tbody></table></div>${note === undefined ? '' : `\n<p class="note">${this.text(note)}</p>`}`
  }

  #inline(inline: Inline): string {
    if (typeof inline === 'string') return escaped(inline)
    if ('code' in inline) return `<code>${escaped(inline.code)}</code>`
    if ('strong' in inline) return `<strong>${escaped(inline.strong)}</strong>`
    if ('link' in inline)
      return `<a class="out" href="${escaped(inline.url)}" rel="noreferrer">${escaped(inline.link)}</a>`
    if ('time' in inline) return `<time datetime="${escaped(inline.time)}">${escaped(moment(inline.time))}</time>`
    if ('newLine' in inline) return '<br>'
    if ('bar' in inline) return barSvg(inline.bar, inline.of)
    return this.#figure(inline.figure, inline.query)
  }

  /** A number that leads to its question. On paper the number of the question stands beside it. */
  #figure(figure: string, id: string): string {
    const query = this.#queries.get(id)
    const about = query === undefined ? '' : ` title="${escaped(query.about)}"`
    const mark = figure === id ? '' : ` class="q" data-q="${escaped(id)}"`
    return `<a href="${escaped(this.#address(id, query))}"${mark}${about}>${escaped(figure)}</a>`
  }

  #address(id: string, query: Query | undefined): string {
    if (this.#console === undefined || query?.filter === undefined) return `#${id}`
    const url = new URL(this.#console)
    url.searchParams.set('filter', JSON.stringify(query.filter))
    return url.href
  }
}
