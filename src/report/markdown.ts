/** A report in Markdown (CommonMark with the tables of GitHub). Whatever comes from the log stands in code spans. */
import { visible } from '../core/visible.ts'
import { type Block, type Column, documentOf, type Inline, outcomeNames, type Section, type Text } from './document.ts'
import type { AuditReport } from './report.ts'
import { duration, grouped, moment } from './words.ts'

const marks = { good: '✓', bad: '✗', unsure: '!' } as const

/**
 * A report in Markdown.
 *
 * @example await writeFile('report.md', formatMarkdown(report))
 */
export function formatMarkdown(report: AuditReport): string {
  const { title, facts, verdicts, keyFigures, sections } = documentOf(report)
  const list = (items: readonly (readonly [string, Text])[]) =>
    items.map(([name, text]) => `- ${name}: ${inlines(text)}`).join('\n')
  return `${[
    `# ${plain(title)}`,
    list(facts),
    ...verdicts.map(({ about, state, word, says }) => `> **${marks[state]} ${about}: ${word}.** ${inlines(says)}`),
    list(keyFigures),
    ...sections.map(sectionText),
  ].join('\n\n')}\n`
}

function sectionText({ title, blocks }: Section): string {
  return [`## ${plain(title)}`, ...blocks.map(blockText)].join('\n\n')
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'text':
      return inlines(block.text)
    case 'facts':
      return block.facts.map(([name, text]) => `- **${name}**: ${inlines(text)}`).join('\n')
    case 'table':
      return [
        `**${plain(block.caption)}**`,
        table(block.columns, block.rows),
        ...(block.note === undefined ? [] : [inlines(block.note)]),
      ].join('\n\n')
    case 'verbatim':
      return `${plain(block.label)}:\n\n${fenced(block.text)}`
    case 'timeline':
      return `**${plain(block.caption)}**\n\n${fenced(timelineText(block))}`
    case 'latency':
      return `**${plain(block.caption)}**: P50, P95 and P99 in the table below, the slowest ${code(block.rows[0]!.name)} with a P95 of ${duration(block.rows[0]!.p95)}.`
  }
}

function timelineText({ buckets }: Extract<Block, { kind: 'timeline' }>): string {
  const most = Math.max(1, ...buckets.map(({ entries }) => entries))
  return buckets
    .map(({ start, entries, outcomes }) => {
      const bad = outcomes.failure + outcomes.denied
      const note = bad === 0 ? '' : `, ${grouped(bad)} failed or denied`
      const bar = '█'.repeat(Math.round((30 * entries) / most)) || (entries > 0 ? '▏' : '')
      return `${start.slice(0, 16).replace('T', ' ')}  ${bar} ${grouped(entries)}${note}`
    })
    .join('\n')
}

function table(columns: readonly Column[], rows: readonly (readonly Text[])[]): string {
  // A bar says nothing here that the numbers beside it do not.
  const kept = columns.flatMap((_, i) => (rows.some(row => row[i]!.some(isBar)) ? [] : [i]))
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(kept.map(i => plain(columns[i]!.title))),
    line(kept.map(i => (columns[i]!.align === 'right' ? '--:' : '---'))),
    ...rows.map(row => line(kept.map(i => inlines(row[i]!).replaceAll('|', '\\|')))),
  ].join('\n')
}

function isBar(inline: Inline): boolean {
  return typeof inline === 'object' && 'bar' in inline
}

function inlines(text: Text): string {
  return text.map(inlineText).join('')
}

function inlineText(inline: Inline): string {
  if (typeof inline === 'string') return plain(inline)
  if ('code' in inline) return code(inline.code)
  if ('strong' in inline) return `**${plain(inline.strong)}**`
  if ('figure' in inline)
    return inline.figure === inline.query ? inline.query : `${plain(inline.figure)} (${inline.query})`
  if ('link' in inline) return `[${plain(inline.link)}](<${inline.url}>)`
  if ('time' in inline) return moment(inline.time)
  if ('newLine' in inline) return '<br>'
  return outcomeNames.map(([name, title]) => `${title} ${inline.bar[name]}`).join(', ')
}

/** Our own words, and a title that someone chose: nothing in them is markup. */
function plain(text: string): string {
  return visible(text).replaceAll(/[\\`*_{}[\]<>#~]/g, '\\$&')
}

/** A code span that its text cannot end. */
function code(text: string): string {
  const shown = visible(text)
  if (shown === '') return '(empty)'
  const longest = Math.max(0, ...(shown.match(/`+/g) ?? []).map(run => run.length))
  const fence = '`'.repeat(longest + 1)
  const pad = /^[` ]|[` ]$/.test(shown) ? ' ' : ''
  return `${fence}${pad}${shown}${pad}${fence}`
}

function fenced(text: string): string {
  const shown = text.split('\n').map(visible).join('\n').trimEnd()
  const longest = Math.max(2, ...(shown.match(/`+/g) ?? []).map(run => run.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}text\n${shown}\n${fence}`
}
