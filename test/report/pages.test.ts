/** The pages of a report: safe whatever the log holds, and readable by everyone. */
import { execFileSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { visible } from '../../src/core/visible.ts'
import { controlFrameworkIds } from '../../src/report/controls/index.ts'
import { formatHtml } from '../../src/report/html.ts'
import { formatJson } from '../../src/report/json.ts'
import { formatMarkdown } from '../../src/report/markdown.ts'
import { type AuditReport, generateAuditReport } from '../../src/report/report.ts'
import { style } from '../../src/report/style.ts'
import { digits, duration, grouped, percent } from '../../src/report/words.ts'
import { cliScript } from '../cli/support.ts'
import { debianProgram } from '../support/debian.ts'
import { type OpenLog, openLog, raised, writeStory } from './support.ts'

const hostile = [
  '<script>window.hacked = 1</script>',
  '"><img src="http://evil.example/x" onerror="window.hacked = 1">',
  "' onmouseover='window.hacked = 1",
  '</style><style>*{display:none}</style>',
  '--><!-- ]]>&lt;b&gt;&amp;',
  'javascript:window.hacked=1',
  'left \u202eright\u202c \u200bhidden',
  'two | and `ticks`` [link](http://evil.example) <http://evil.example> www.evil.example **bold**',
  "it's $(touch hacked) \\ `touch hacked` $HOME !x",
  '=cmd|calc',
  '`',
  ' ',
  'x'.repeat(256),
  'Ω≈ç√∫ 中文 🦉 עברית',
]

/** Names have no control characters; values may. */
const control = 'a\nb\u0000\u0007\u001b[31m\u009b<b>'

let log: OpenLog
let report: AuditReport
beforeAll(async () => {
  log = await openLog()
  await writeStory(log)
  for (const name of hostile) {
    await log.log.append({
      operation: name,
      component: name,
      outcome: 'success',
      actor: { type: name, id: name, onBehalfOf: { type: 'user', id: name } },
      complianceFlags: [name],
      governanceStatus: name,
      performanceMetrics: { [name]: 1, durationMs: 2 },
      attributes: { 'gen_ai.tool.name': name },
    })
  }
  await log.logger.logControl(raised('01a00000-0000-7000-8000-000000000009', log.world.now(), { description: control }))
  await log.logger.logControl({ operation: 'config.changed', attributes: { [hostile[0]!]: control } })
  report = await generateAuditReport(
    { ...log, settings: { topValues: 100 }, sign: () => log.writer.checkpoint() },
    { title: hostile[0]!, frameworks: controlFrameworkIds },
  )
})
afterAll(() => log.dispose())

interface Found {
  readonly policy: string
  readonly addresses: readonly string[]
  readonly codes: readonly string[]
}

interface Outline {
  readonly tables: number
  readonly captions: number
  readonly charts: number
  readonly overflow: number
  readonly ids: readonly string[]
}

const browserPath = debianProgram('chromium', 'chromium')

describe.skipIf(browserPath === undefined)('the HTML file, in a browser without a network', () => {
  let browser: Browser
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: browserPath!, args: ['--no-sandbox'] })
  })
  afterAll(() => browser.close())

  async function openPage(html: string, options: { width?: number; colorScheme?: 'light' | 'dark' } = {}) {
    const file = join(log.folder, 'report.html')
    writeFileSync(file, html)
    const context = await browser.newContext({
      offline: true,
      viewport: { width: options.width ?? 1100, height: 900 },
      colorScheme: options.colorScheme ?? 'light',
    })
    const page = await context.newPage()
    const said: string[] = []
    const asked: string[] = []
    page.on('console', message => said.push(message.text()))
    page.on('pageerror', error => said.push(error.message))
    page.on('request', request => asked.push(request.url()))
    await page.goto(`file://${file}`)
    return { page, said, asked, close: () => context.close() }
  }

  test('asks for nothing, says nothing and runs nothing, whatever stands in it', async () => {
    const { page, said, asked, close } = await openPage(formatHtml(report))
    expect(asked).toEqual([page.url()])
    expect(said).toEqual([])
    const found = await page.evaluate<Found>(`({
      hacked: 'hacked' in window,
      active: document.querySelectorAll('script, img, iframe, object, embed, link, form, base, [style]').length,
      handlers: [...document.querySelectorAll('*')].filter(one => [...one.attributes].some(({ name }) => name.startsWith('on'))).length,
      policy: document.querySelector('meta[http-equiv="Content-Security-Policy"]').getAttribute('content'),
      addresses: [...document.querySelectorAll('a')].map(link => link.getAttribute('href')),
      lost: [...document.querySelectorAll('a[href^="#"]')].filter(link => document.getElementById(link.hash.slice(1)) === null).length,
      title: document.querySelector('h1').textContent,
      // The policy lets the page's own style through.
      width: getComputedStyle(document.body).maxWidth,
      codes: [...document.querySelectorAll('code')].map(code => code.textContent),
    })`)
    expect(found).toMatchObject({ hacked: false, active: 0, handlers: 0, lost: 0, title: hostile[0], width: '992px' })
    expect(found.policy).toMatch(
      /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'$/,
    )
    const outside = found.addresses.filter(address => !address.startsWith('#'))
    expect(outside.every(address => /^https:\/\/(?!evil)/.test(address))).toBe(true)
    for (const name of [...hostile, control]) expect(found.codes).toContain(visible(name))
    await close()
  })

  test('is told to everyone: tables with captions and scopes, charts with words, one heading, landmarks, no overflow', async () => {
    for (const [width, colorScheme] of [
      [1100, 'light'],
      [360, 'dark'],
    ] as const) {
      const { page, said, close } = await openPage(formatHtml(report), { width, colorScheme })
      const found = await page.evaluate<Outline>(`({
        tables: document.querySelectorAll('table').length,
        captions: document.querySelectorAll('table > caption').length,
        unscoped: document.querySelectorAll('th:not([scope])').length,
        headless: [...document.querySelectorAll('tbody tr')].filter(row => row.querySelector('th[scope=row]') === null).length,
        unnamed: document.querySelectorAll('svg:not([aria-hidden]):not([role=img][aria-label])').length,
        charts: document.querySelectorAll('svg[role=img]').length,
        headings: document.querySelectorAll('h1').length,
        landmarks: ['header', 'nav', 'main', 'footer'].map(name => document.querySelectorAll(name).length),
        language: document.documentElement.lang,
        overflow: document.documentElement.scrollWidth - innerWidth,
        ids: [...document.querySelectorAll('[id]')].map(({ id }) => id),
      })`)
      expect(found).toMatchObject({
        unscoped: 0,
        headless: 0,
        unnamed: 0,
        headings: 1,
        landmarks: [1, 1, 1, 1],
        language: 'en',
      })
      expect(found.overflow).toBeLessThanOrEqual(0)
      expect(found.captions).toBe(found.tables)
      expect(found.charts).toBeGreaterThanOrEqual(2)
      expect(new Set(found.ids).size).toBe(found.ids.length)
      expect(said).toEqual([])
      await close()
    }
  })

  test('prints, with the number of its question beside each figure', async () => {
    const { page, close } = await openPage(formatHtml(report), { colorScheme: 'dark' })
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    const [background, beside] = await page.evaluate<string[]>(`[
      getComputedStyle(document.body).backgroundColor,
      getComputedStyle(document.querySelector('.key .q'), '::after').content,
    ]`)
    expect(background).toBe('rgb(255, 255, 255)')
    expect(beside).toMatch(/q\d+/)
    expect((await page.pdf({ format: 'A4', preferCSSPageSize: true })).length).toBeGreaterThan(10_000)
    await close()
  })
})

describe('the HTML file', () => {
  test('leads its figures to a console, when one is named, and to nothing else', () => {
    const html = formatHtml(report, { consoleUrl: 'https://audit.example.com/console/?tab=1' })
    const addresses = [...html.matchAll(/href="(https:\/\/audit[^"]+)"/g)].map(
      ([, address]) => new URL(address!.replaceAll('&amp;', '&')),
    )
    expect(addresses.length).toBeGreaterThan(50)
    const filters = new Set(report.queries.map(({ filter }) => JSON.stringify(filter)))
    for (const { searchParams } of addresses) expect(filters).toContain(searchParams.get('filter'))
    for (const consoleUrl of ['javascript:alert(1)', 'data:text/html,x', '//x', 'x']) {
      expect(() => formatHtml(report, { consoleUrl })).toThrow(/http:\/\/ or https:\/\//)
    }
  })

  test('has contrast enough for everyone, on light and dark screens and on paper (WCAG 2.2 AA)', () => {
    const themes = [...style.matchAll(/:root\{([^}]*)\}/g)].map(([, text]) =>
      Object.fromEntries([...text!.matchAll(/--(\w+):(#[0-9a-f]{3,6})/g)].map(([, name, colour]) => [name, colour])),
    ) as Record<string, string>[]
    expect(themes).toHaveLength(3)
    for (const theme of themes) {
      for (const ground of ['bg', 'panel']) {
        for (const ink of ['fg', 'soft', 'link', 'good', 'bad', 'warn']) {
          expect([ink, ground, contrast(theme[ink]!, theme[ground]!) >= 4.5]).toEqual([ink, ground, true])
        }
      }
      for (const part of ['success', 'failure', 'denied', 'pending', 'unknown']) {
        expect([part, contrast(theme[part]!, theme.bg!) >= 3]).toEqual([part, true])
      }
    }
  })
})

/** WCAG 2.2: relative luminance and contrast ratio. */
function contrast(a: string, b: string): number {
  const luminance = (colour: string) => {
    const hex = colour.length === 4 ? [...colour.slice(1)].map(digit => digit + digit).join('') : colour.slice(1)
    const [red, green, blue] = [0, 2, 4].map(at => {
      const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
    }) as [number, number, number]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [light, dark] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

describe('the Markdown file', () => {
  test('holds whatever comes from the log in code, and no markup but its own', () => {
    const text = formatMarkdown(report)
    const rest = withoutCode(text)
    expect(rest).not.toMatch(/evil|onerror|hacked\b(?! = 1\\<)|\u202e|\u0000|\u001b/)
    expect(rest.replaceAll('<br>', '').replaceAll(/\]\(<https:[^>]+>\)/g, '')).not.toMatch(/(?<!\\)<|\]\(/)
    for (const name of hostile) expect(text).toContain(visible(name).replaceAll('|', '\\|'))
    // Every row of a table has as many cells as its head.
    for (const table of rest.split('\n\n').filter(part => part.startsWith('| '))) {
      const cells = table
        .trimEnd()
        .split('\n')
        .map(line => line.match(/(?<!\\)\|/g)!.length)
      expect(new Set(cells).size).toBe(1)
    }
  })
})

/** A text without its code spans and blocks, as CommonMark finds them. */
function withoutCode(text: string): string {
  return text
    .replaceAll(/^(`{3,})text\n[\s\S]*?\n\1$/gm, 'CODE')
    .replaceAll(/(?<!`)(`+)(?!`)[^\n]*?(?<!`)\1(?!`)/g, 'CODE')
}

test('the JSON file is the report, and nothing in it hides', () => {
  const text = formatJson(report)
  expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(report)))
  expect(text).toMatch(/^[\n\x20-\x7e]*$/)
})

test('the questions are command lines that a shell takes as they stand, whatever they ask for', () => {
  const awkward = [/onmouseover/, /\u202e/, /\$HOME/, /ticks/, /🦉/]
  const asked = awkward.map(name => report.operationsSummary!.rows.find(row => name.test(row.name))!)
  const commands = asked.map(({ query }) => report.queries.find(({ id }) => id === query)!.command)
  expect(commands.join('')).not.toMatch(/[^\x20-\x7e]/)
  const script = [
    `memmimic-audit() { '${process.execPath}' '${cliScript}' --log '${log.file}' --keys '${log.keys}' --json "$@" | wc -l; }`,
    ...commands.map(command => `${command} &`),
    'wait',
  ].join('\n')
  const answers = execFileSync('bash', ['-c', script], { cwd: log.folder, encoding: 'utf8' })
  expect(answers.trim().split(/\s+/)).toEqual(commands.map(() => '1'))
  expect(existsSync(join(log.folder, 'hacked'))).toBe(false)
}, 60_000)

test('numbers are written as people read them', () => {
  const thin = (text: string) => text.replaceAll('\u202f', ' ')
  expect([0, 7, 1234, 1_234_567].map(value => thin(grouped(value)))).toEqual(['0', '7', '1 234', '1 234 567'])
  const values = [0, 0.04213, 1, 3.1516, 99.96, 12_345.6, -2.5, 1e-9, Number.POSITIVE_INFINITY]
  expect(values.map(value => thin(digits(value)))).toEqual([
    '0',
    '0.0421',
    '1',
    '3.15',
    '100',
    '12 346',
    '-2.5',
    '1.00e-9',
    'Infinity',
  ])
  const times = [0.0004, 0.5, 12.34, 999, 1500, 119_000, 180_000, 7.5e6, 3e8]
  expect(times.map(ms => thin(duration(ms)))).toEqual([
    '0.4 µs',
    '500 µs',
    '12.3 ms',
    '999 ms',
    '1.5 s',
    '119 s',
    '3 min',
    '2.08 h',
    '3.47 days',
  ])
  const shares = [
    [0, 9],
    [1, 3],
    [1, 100_000],
    [99_999, 100_000],
    [5, 5],
    [1, 0],
  ] as const
  expect(shares.map(([part, whole]) => thin(percent(part, whole)))).toEqual([
    '0 %',
    '33.3 %',
    '< 0.1 %',
    '> 99.9 %',
    '100 %',
    '–',
  ])
})
