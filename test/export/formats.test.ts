import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { utf8 } from '../../src/core/bytes.ts'
import { leafHashHex } from '../../src/core/hash.ts'
import { canonicalize } from '../../src/core/json.ts'
import type { EntryView } from '../../src/core/view.ts'
import { cef } from '../../src/export/formats/cef.ts'
import { csv } from '../../src/export/formats/csv.ts'
import { jsonDocument, jsonLines } from '../../src/export/formats/json.ts'
import { ocsf } from '../../src/export/formats/ocsf.ts'
import { otlpRecord, otlpRequest } from '../../src/export/formats/otlp.ts'
import { syslog, syslogMessage } from '../../src/export/formats/syslog.ts'
import { closeValues, leafJson } from '../../src/export/values.ts'
import { actor, sampleViews, viewOf } from './support.ts'

const origin = 'example.com/log'
const views = sampleViews()
const texts = fc.string({ unit: 'grapheme', maxLength: 40 }).map(text => text.replaceAll(/[\p{Cc}]/gu, ' ') || '?')
/** Values as hostile as a value can be: line ends, controls, quotes, escapes, formulas. */
const hostile = fc.string({ unit: 'binary', maxLength: 60 }).filter(text => text.isWellFormed())

describe('every row of every format', () => {
  const formats = {
    jsonl: jsonLines,
    csv,
    cef: cef(origin),
    ocsf: ocsf(origin),
    syslog: syslog({ origin }),
    otlp: { entry: (view: EntryView) => `${JSON.stringify(otlpRecord(view))}\n` },
  }
  it.each(Object.entries(formats))('%s is one line, and leads back to its entry', (_, format) => {
    for (const view of views) {
      const text = format.entry(view)
      expect(text).toMatch(/^[^\n]+\n$/)
      for (const mark of [String(view.seq), view.id, view.entryHash]) expect(text).toContain(mark)
    }
  })

  it.each(Object.entries(formats))('%s stays one line whatever the values hold', (_, format) => {
    fc.assert(
      fc.property(hostile, texts, (value, name) => {
        const view = viewOf({
          userContext: value,
          operationResult: { [value]: value },
          memoryId: name,
          operation: name,
        })
        expect(format.entry(view).trimEnd()).not.toMatch(/[\n\r\u2028\u2029\u0085\0]/)
      }),
    )
  })

  it.each(Object.entries(formats))('%s says nothing of a value that is closed', (_, format) => {
    const view = viewOf({
      actor,
      memoryId: 'mem_secret',
      session: 'sess_secret',
      userContext: 'ctx_secret',
      sealed: { n: 'own_secret' },
    })
    expect(format.entry(view)).toContain('ctx_secret')
    const closed = format.entry(closeValues(view, () => false))
    expect(closed).not.toMatch(/secret|claude|Zoë/)
    expect(format.entry(closeValues(view, (_, name) => name === 'memoryId'))).toContain('mem_secret')
  })

  it.each(Object.entries(formats))('%s takes a value that was erased for none', (_, format) => {
    const view = viewOf({ actor, memoryId: 'm', userContext: 1 })
    const gone = { erased: true } as const
    expect(() => format.entry({ ...view, actor: gone, memoryId: gone, userContext: gone })).not.toThrow()
  })
})

describe('json', () => {
  it('is the seed’s document: entries, and metadata that counts them', () => {
    const write = (some: readonly EntryView[]) => {
      const { head, entry, between = '', foot } = jsonDocument
      return (
        head +
        some.map(entry).join(between) +
        foot!({ entries: some.length, exportedAt: '2026-11-23T12:00:00.000000Z' })
      )
    }
    for (const some of [[], views.slice(0, 1), views]) {
      expect(JSON.parse(write(some))).toEqual({
        entries: JSON.parse(JSON.stringify(some)),
        metadata: { exported_at: '2026-11-23T12:00:00.000000Z', total_entries: some.length, format_version: '2.0' },
      })
    }
  })

  it('a line is the entry, and nothing in it hides from a terminal', () => {
    const view = viewOf({ userContext: 'a\u202eb\u200b\u009b' })
    const line = jsonLines.entry(view)
    expect(line).toMatch(/^[\x20-\x7e]+\n$/)
    expect(JSON.parse(line)).toEqual(view)
  })
})

// CSV

/** A reader of RFC 4180 that knows nothing of the writer. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = []
  let row: string[] = []
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    row.push(quoted === undefined ? bare! : quoted.replaceAll('""', '"'))
    if (end === ',') continue
    rows.push(row)
    row = []
  }
  return rows
}

/** Undoes what keeps a spreadsheet from seeing a formula, as the format says that it can be undone. */
const unmarked = (cell: string) => cell.replaceAll(/(^|;)'('*\s*[=+\-@\t\r\n\0＝＋－＠])/g, '$1$2')

const [header = []] = parseCsv(csv.head!)
const rowOf = (view: EntryView) => {
  const [cells = []] = parseCsv(csv.entry(view))
  expect(cells).toHaveLength(header.length)
  return Object.fromEntries(header.map((name, i) => [name, cells[i]!]))
}

describe('csv', () => {
  test.each([
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\tx',
    '\r=x',
    '\nx',
    '\0=x',
    '＝1',
    '＋1',
    '－1',
    '＠x',
    '  =1',
    "'=1",
    "''=1",
    'a;=1',
    'a; @x',
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://x";"y")',
  ])('%j begins no formula, in no cell and behind no semicolon', text => {
    const view = { ...viewOf({ userContext: { text }, operationResult: text }), memoryId: text, session: `;${text}` }
    const row = rowOf(view)
    for (const cell of Object.values(row)) {
      expect(cell).not.toMatch(/^\s*[=+\-@\t\r\n\0＝＋－＠]/)
      expect(cell).not.toMatch(/;\s*[=+\-@\t\r\n\0＝＋－＠]/)
    }
    expect(unmarked(row.memoryId!)).toBe(text)
    expect(unmarked(row.session!)).toBe(`;${text}`)
    expect(JSON.parse(row.operationResult!)).toBe(text)
    expect(JSON.parse(row.userContext!)).toEqual({ text })
  })

  it('gives back every text that it was given', () => {
    const text = fc
      .array(fc.constantFrom(...['=', '+', '-', '@', "'", ';', ' ', '\t', '\r', '\n', 'a', '"', ',', '＝', '\0']))
      .map(list => list.join(''))
    fc.assert(
      fc.property(fc.oneof(text, hostile), value => {
        const row = rowOf({ ...viewOf({ userContext: value }), memoryId: value })
        expect(unmarked(row.memoryId!)).toBe(value)
        expect(JSON.parse(row.userContext!)).toBe(value)
        expect(row.memoryId).not.toMatch(/(^|;)\s*[=+\-@\t\r\n\0＝＋－＠]/)
      }),
    )
  })

  it('a row holds its leaf: put together again it has the hash that the row says', () => {
    const texts = new Set([
      'time',
      'id',
      'kind',
      'operation',
      'component',
      'outcome',
      'securityLevel',
      'governanceStatus',
      'intent',
      'trace',
      'previousHash',
    ])
    const others = new Set(['seq', 'v', 'complianceFlags', 'performanceMetrics', 'attributes', 'sealed'])
    for (const view of views) {
      const row = rowOf(view)
      const leaf = Object.fromEntries(
        Object.entries(row).flatMap(([name, cell]) => {
          if (cell === '' || !(texts.has(name) || others.has(name))) return []
          return [[name, texts.has(name) ? unmarked(cell) : JSON.parse(cell)]]
        }),
      )
      expect(leafHashHex(utf8(canonicalize(leaf)))).toBe(row.entryHash)
      expect(leafHashHex(utf8(leafJson(view)!))).toBe(row.entryHash)
    }
  })

  it('has a column for each value of the entry, and one for those with names of their own', () => {
    const view = viewOf({ actor, operationResult: { ok: true }, sealed: { note: 'x', values: 2 } })
    expect(rowOf(view)).toMatchObject({
      actor: JSON.stringify(view.actor),
      operationResult: '{"ok":true}',
      values: '{"note":"x","values":2}',
      userContext: '',
    })
  })
})

// CEF

/** Header and extension of a CEF line, by the rules of the format. */
function parseCef(line: string): { header: string[]; extension: Record<string, string> } {
  const found = /^CEF:0((?:\|(?:\\[\\|]|[^\\|])*){6})\|(.*)$/.exec(line)!
  const header = found[1]!.slice(1).split(/(?<!\\)(?:\\\\)*\|/)
  const extension: Record<string, string> = {}
  for (const [, key, value] of found[2]!.matchAll(/(?<=^| )(\w+)=((?:\\[\\=nr]|[^\\=])*?)(?=$| \w+=)/g)) {
    extension[key!] = value!.replaceAll(/\\(.)/g, (_, char: string) => ({ n: '\n', r: '\r' })[char] ?? char)
  }
  return { header, extension }
}

describe('cef', () => {
  const line = (view: EntryView) => cef(origin).entry(view).trimEnd()

  it('is a header of seven fields and keys of the dictionary, or of our own', () => {
    for (const view of views) {
      const { header, extension } = parseCef(line(view))
      expect(header).toHaveLength(6)
      expect(header.slice(0, 3)).toEqual(['MemMimic', 'Audit', '1'])
      expect(Number(header[5])).toBeGreaterThanOrEqual(0)
      expect(Number(header[5])).toBeLessThanOrEqual(10)
      expect(extension).toMatchObject({
        cn1: String(view.seq),
        cn1Label: 'seq',
        cs1: view.entryHash,
        externalId: view.id,
      })
      expect(new Date(Number(extension.rt)).toISOString()).toBe(`${view.time.slice(0, 23)}Z`)
      for (const key of Object.keys(extension)) {
        expect(key).toMatch(
          /^(rt|externalId|deviceExternalId|deviceProcessName|cat|outcome|msg|suser|(cn1|cs[1-6]|cfp1|flexString[12])(Label)?|MemMimicAudit[A-Z]\w+)$/,
        )
      }
    }
  })

  it('escapes pipes and backslashes in the header, equals signs, backslashes and line ends in values', () => {
    const view = viewOf({ operation: 'a|b\\c', userContext: 'x=1\\ cs1=forged\nCEF:0|' })
    const text = line(view)
    expect(text).toContain('|a\\|b\\\\c|')
    expect(text).not.toContain(' cs1=forged')
    const values = JSON.parse(parseCef(text).extension.MemMimicAuditValues!)
    expect(values).toEqual({ userContext: 'x=1\\ cs1=forged\nCEF:0|' })
  })

  it('gives values back whatever they hold', () => {
    fc.assert(
      fc.property(hostile, texts, (value, name) => {
        const { extension } = parseCef(
          line(viewOf({ operationResult: value, memoryId: name, actor: { type: 't', id: name } })),
        )
        expect(extension.suser?.trim()).toBe(name.trim())
        expect(extension.cs4?.trim()).toBe(name.trim())
      }),
    )
  })
})

// Syslog

/** SYSLOG-MSG of RFC 5424, section 6. */
const grammar =
  /^<(\d{1,3})>1 (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,6}Z) ([!-~]{1,255}) ([!-~]{1,48}) ([!-~]{1,128}) ([!-~]{1,32}) ((?:\[[^= "\]]{1,32}(?: [!#-<>-\\^-~]{1,32}="(?:\\["\\\]]|[^"\\\]])*")*\])+|-)(?: ([\s\S]*))?$/u

function parameters(data: string, id: string): Record<string, string[]> {
  const out: Record<string, string[]> = Object.create(null)
  const element =
    data.match(/\[[^= "\]]+(?: [^=]+="(?:\\["\\\]]|[^"\\\]])*")*\]/gu)?.find(text => text.startsWith(`[${id} `)) ?? ''
  for (const [, name, value] of element.matchAll(/ ([!#-<>-\\^-~]+)="((?:\\["\\\]]|[^"\\\]])*)"/gu)) {
    out[name!] = [...(out[name!] ?? []), value!.replaceAll(/\\(["\\\]])/g, '$1')]
  }
  return out
}

describe('syslog', () => {
  const message = syslogMessage({ origin, hostname: 'host.example' })

  it('is a message of RFC 5424, with its evidence in structured data', () => {
    for (const view of views) {
      const [, priority, time, host, app, process, id, data] = grammar.exec(message(view))!
      expect(Number(priority) >> 3).toBe(13)
      expect([time, host, app, process]).toEqual([view.time, 'host.example', 'memmimic-audit', '-'])
      expect(id).toBe(view.operation.slice(0, 32))
      expect(parameters(data!, 'memmimic@32473')).toMatchObject({
        seq: [String(view.seq)],
        id: [view.id],
        entryHash: [view.entryHash],
        origin: [origin],
        ...(view.complianceFlags.length > 0 && { complianceFlag: view.complianceFlags }),
      })
    }
  })

  it('the severity is graver for what is graver', () => {
    const severity = (view: EntryView) => Number(grammar.exec(message(view))![1]) & 7
    const order = [
      viewOf({ outcome: 'success' }),
      viewOf({ outcome: 'failure' }),
      viewOf({ outcome: 'denied' }),
      viewOf({ operation: 'gap.recorded' }, { control: true }),
      viewOf({ operation: 'alert.raised', attributes: { 'alert.severity': 'critical' } }, { control: true }),
    ]
    expect(order.map(severity)).toEqual([6, 5, 4, 3, 2])
  })

  it('words that are not ASCII begin with the byte order mark, and others do not', () => {
    const words = (view: EntryView) => grammar.exec(message(view))![8]!
    expect(words(viewOf({ operation: 'remember', userContext: 'a' }))).toBe(
      'remember by memory: event {"userContext":"a"}',
    )
    expect(words(viewOf({ userContext: 'ä' }))).toBe('\ufeffremember by memory: event {"userContext":"ä"}')
  })

  it('keeps the grammar whatever names and values hold, and loses none of them', () => {
    fc.assert(
      fc.property(texts, hostile, (name, value) => {
        const view = viewOf({ operation: name, component: name, attributes: { [name]: value }, memoryId: name })
        const data = grammar.exec(message(view))![7]!
        expect(parameters(data, 'memmimic@32473').operation).toEqual([
          view.operation.replaceAll(/[\u2028\u2029]/g, c => `\\u{${c.codePointAt(0)!.toString(16)}}`),
        ])
        const attributes = parameters(data, 'attributes@32473')
        const shown = attributes[name]?.[0] ?? JSON.parse(attributes.more![0]!)[name]
        expect(typeof shown).toBe('string')
      }),
    )
  })

  it('carries a CEF line where that is asked for, with the number that its owner was given', () => {
    const text = syslogMessage({ origin, message: 'cef' })(views[0]!)
    expect(text).toMatch(/^<110>1 \S+ - memmimic-audit - remember - CEF:0\|MemMimic\|/)
    expect(syslogMessage({ origin, enterprise: 4711, facility: 16 })(views[0]!)).toMatch(/^<134>.*\[memmimic@4711 /)
  })
})

describe('otlp', () => {
  it('is the JSON of OTLP: integers as texts, trace ids as hex, one attribute a name', () => {
    const body = JSON.parse(
      otlpRequest(
        views.map(view => JSON.stringify(otlpRecord(view))),
        'audit',
        origin,
      ),
    )
    const [{ resource, scopeLogs }] = body.resourceLogs
    expect(resource.attributes).toContainEqual({ key: 'service.name', value: { stringValue: 'audit' } })
    const records = scopeLogs[0].logRecords as Record<string, never>[]
    expect(records).toHaveLength(views.length)
    records.forEach((record, i) => {
      const { timeUnixNano, severityNumber, attributes, traceId, spanId } = record as unknown as {
        timeUnixNano: string
        severityNumber: number
        attributes: { key: string; value: Record<string, unknown> }[]
        traceId?: string
        spanId?: string
      }
      const view = views[i]!
      expect(timeUnixNano).toMatch(/^\d{16}000$/)
      expect(new Date(Number(timeUnixNano.slice(0, 13))).toISOString()).toBe(`${view.time.slice(0, 23)}Z`)
      expect(severityNumber).toBeGreaterThanOrEqual(1)
      expect(severityNumber).toBeLessThanOrEqual(24)
      expect(Boolean(traceId)).toBe(view.trace !== undefined)
      if (traceId) expect([traceId, spanId]).toEqual(view.trace!.split('-').slice(1, 3))
      expect(new Set(attributes.map(({ key }) => key)).size).toBe(attributes.length)
      expect(attributes).toContainEqual({ key: 'memmimic.audit.seq', value: { intValue: String(view.seq) } })
      expect(attributes).toContainEqual({ key: 'memmimic.audit.entry_hash', value: { stringValue: view.entryHash } })
      for (const { value } of attributes) {
        expect(Object.keys(value)).toHaveLength(1)
        expect(['stringValue', 'boolValue', 'intValue', 'doubleValue', 'arrayValue']).toContain(Object.keys(value)[0])
      }
    })
  })

  it('a caller’s attribute cannot stand where the log’s own word stands', () => {
    const { attributes } = otlpRecord(viewOf({ attributes: { 'memmimic.audit.seq': 999 } })) as {
      attributes: { key: string }[]
    }
    expect(attributes.filter(({ key }) => key === 'memmimic.audit.seq')).toEqual([
      { key: 'memmimic.audit.seq', value: { intValue: '0' } },
    ])
    expect(attributes).toContainEqual({
      key: 'memmimic.audit.attribute.memmimic.audit.seq',
      value: { intValue: '999' },
    })
  })
})
