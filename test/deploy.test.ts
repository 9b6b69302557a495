/** What is shipped for Prometheus and Grafana: it parses, asks only for what there is, and fires when it should. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { EventStream } from '../src/core/events.ts'
import { AuditMetrics } from '../src/metrics/audit-metrics.ts'
import { defaultMetricsSettings } from '../src/metrics/settings.ts'
import { fixedWorld } from '../src/testing.ts'
import { parseExposition } from './metrics/exposition.ts'
import { debianProgram } from './support/debian.ts'

const root = path.join(import.meta.dirname, '..')
const read = (file: string) => readFileSync(path.join(root, 'deploy', file), 'utf8')

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations?: { readonly [name: string]: string }
}
const alerts: { groups: { name: string; rules: Rule[] }[] } = parse(read('prometheus/alerts.yml'))
const rules = alerts.groups.flatMap(group => group.rules)

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly datasource?: { readonly uid: string }
  readonly targets?: readonly { readonly refId: string; readonly expr: string; readonly datasource: { uid: string } }[]
}
const dashboard = JSON.parse(read('grafana/dashboard.json'))
const panels: readonly Panel[] = dashboard.panels
const targets = panels.flatMap(({ title, targets = [] }) => targets.map(target => ({ title, ...target })))

/** Metrics with their labels, as they are shown. */
async function shown(): Promise<Map<string, Set<string>>> {
  const world = fixedWorld()
  const outside = {
    bufferEntries: () => 0,
    checkpointAgeSeconds: () => 0,
    witnessLagEntries: () => 0,
    streamLagEntries: () => ({ siem: 0 }),
  }
  const events = new EventStream()
  const metrics = new AuditMetrics({ events, now: () => world.now(), outside })
  events.emit({ type: 'alerts', active: { critical: 1 } })
  const samples = [...parseExposition(await metrics.prometheus()).values()].flatMap(family => family.samples)
  return new Map(samples.map(({ name, labels }) => [name, new Set([...Object.keys(labels), 'job', 'instance'])]))
}

/** The metrics that an expression asks for, and the labels by which it chooses or groups. */
function askedBy(expr: string): { metrics: string[]; labels: string[] } {
  const metrics = [...expr.matchAll(/\bmemmimic_audit_\w+/g)].map(([name]) => name)
  const chosen = [...expr.matchAll(/(\w+)=~?"/g)].map(([, label = '']) => label)
  const grouped = [...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/,\s*/))
  return { metrics, labels: [...chosen, ...grouped] }
}

describe('an alert rule or a panel', () => {
  it.each([
    ...rules.map(({ alert, expr }) => [alert, expr] as const),
    ...targets.map(({ title, expr }) => [title, expr] as const),
  ])('asks only for what there is: %s', async (_name, expr) => {
    const there = await shown()
    const { metrics, labels } = askedBy(expr)
    expect(metrics.length).toBeGreaterThan(0)
    for (const metric of metrics) expect(there.has(metric), `${metric} is shown`).toBe(true)
    for (const label of labels) {
      expect(
        metrics.some(metric => there.get(metric)!.has(label)),
        `${label} is a label of ${metrics}`,
      ).toBe(true)
    }
  })
})

describe('the alert rules', () => {
  it('say what is wrong, what it means and what to do, with commands that there are', () => {
    const help = execFileSync(process.execPath, [path.join(root, 'src/cli/main.ts'), '--help'], { encoding: 'utf8' })
    for (const { alert, labels, annotations = {} } of rules) {
      expect(alert).toMatch(/^MemmimicAudit[A-Z]/)
      expect(['critical', 'warning']).toContain(labels.severity)
      for (const name of ['summary', 'description', 'runbook'])
        expect(annotations[name]?.length, alert).toBeGreaterThan(20)
      const commands = [...(annotations.runbook ?? '').matchAll(/memmimic-audit ([a-z]+)/g)]
      for (const [, command = ''] of commands) expect(help, alert).toMatch(new RegExp(`^ {2}${command} `, 'm'))
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  })

  it('wake somebody at once for tampering', () => {
    const rule = rules.find(({ alert }) => alert === 'MemmimicAuditTampering')
    expect(rule?.for).toBeUndefined()
    expect(rule?.labels.severity).toBe('critical')
  })

  it('have one for each threshold that is set unless told otherwise, at the same value', () => {
    const inPrometheus: Readonly<Record<string, RegExp>> = {
      audit_entries_logged: /entries_total.* > 1000$/,
      tamper_attempts_detected: /tamper_findings_total\) > 0$/,
      audit_append_time: /0\.95.*append_duration_seconds_bucket.* > 0\.01$/,
      audit_query_time: /0\.95.*query_duration_seconds_bucket.* > 1$/,
      entry_verification_time: /0\.95.*verify_duration_seconds_bucket.* > 0\.01$/,
      active_alerts: /alerts_active\{severity="critical"\} >= 5$/,
      governance_violations: /policy_violations_total\[1h\]\)\) > 10$/,
      system_health_score: /health_score < 80$/,
      storage_performance: /0\.95.*storage_duration_seconds_bucket.* > 0\.05$/,
    }
    expect(Object.keys(inPrometheus)).toEqual(Object.keys(defaultMetricsSettings.thresholds))
    for (const expr of Object.values(inPrometheus)) {
      expect(
        rules.filter(rule => expr.test(rule.expr.trim())),
        String(expr),
      ).toHaveLength(1)
    }
  })
})

describe('the dashboard', () => {
  it('asks for a data source and for instances, and each panel goes by both', () => {
    const variables: readonly { name: string; type: string }[] = dashboard.templating.list
    expect(variables.map(({ name, type }) => [name, type])).toEqual([
      ['datasource', 'datasource'],
      ['instance', 'query'],
    ])
    for (const { title, expr, datasource } of targets) {
      expect(datasource.uid, title).toMatch(/^\$\{datasource\}$/)
      for (const [selector] of expr.matchAll(/memmimic_audit_\w+(\{[^}]*\})?/g)) {
        expect(selector, title).toContain('instance=~"$instance"')
      }
    }
  })

  it('shows every metric that there is', async () => {
    const asked = new Set(targets.flatMap(({ expr }) => askedBy(expr).metrics))
    const families = [...(await shown()).keys()].filter(name => !/_(sum|count)$/.test(name))
    expect(families.filter(name => !asked.has(name))).toEqual([])
  })

  it('has its panels side by side, each with an id and a sentence of its own', () => {
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
    const taken = new Set<string>()
    for (const { title, type, description, gridPos } of panels) {
      if (type !== 'row') expect(description?.length, title).toBeGreaterThan(5)
      expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.has(`${x} ${y}`), `${title} lies on another`).toBe(false)
          taken.add(`${x} ${y}`)
        }
      }
    }
  })
})

const promtool = debianProgram('promtool', 'prometheus')
describe.skipIf(promtool === undefined)('promtool', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'memmimic-audit-deploy-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const write = (name: string, content: unknown) => {
    writeFileSync(path.join(folder, name), stringify(content))
    return path.join(folder, name)
  }
  const run = (...args: string[]) => execFileSync(promtool!, args, { encoding: 'utf8', stdio: 'pipe' })

  it('takes the rules', () => {
    const said = run('check', 'rules', path.join(root, 'deploy/prometheus/alerts.yml'))
    expect(said).toContain(`SUCCESS: ${rules.length} rules found`)
  })

  it('takes every expression of the dashboard', () => {
    const plain = targets.map(({ expr }, i) => ({
      record: `panel:${i}`,
      expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
    }))
    const said = run('check', 'rules', write('dashboard.yml', { groups: [{ name: 'dashboard', rules: plain }] }))
    expect(said).toContain(`SUCCESS: ${targets.length} rules found`)
  })

  it('sees each alert fire where it should, and none where all is well', () => {
    // A minute a step. Each alert has a series of its own trouble, and all have their quiet neighbour.
    const steps = 120
    const of = (values: string) => (name: string, labels: string, instance: 'good' | 'bad') => ({
      series: `memmimic_audit_${name}{job="audit",instance="${instance}"${labels && `,${labels}`}}`,
      values: `${values}x${steps}`,
    })
    const [zero, growing, fast] = [of('0+0'), of('0+6'), of('0+2000')]
    const buckets = (name: string, slowest: string) => [
      growing(`${name}_bucket`, 'le="0.0001"', 'good'),
      growing(`${name}_bucket`, 'le="+Inf"', 'good'),
      zero(`${name}_bucket`, `le="${slowest}"`, 'bad'),
      growing(`${name}_bucket`, 'le="60"', 'bad'),
      growing(`${name}_bucket`, 'le="+Inf"', 'bad'),
    ]
    const success = 'op="append",result="success"'
    const failure = 'op="append",result="failure"'
    const series = [
      zero('tamper_findings_total', 'type="hash_mismatch"', 'good'),
      of('1+0')('tamper_findings_total', 'type="hash_mismatch"', 'bad'),
      of('30+0')('checkpoint_age_seconds', '', 'good'),
      of('1000+0')('checkpoint_age_seconds', '', 'bad'),
      growing('entries_total', 'kind="event",outcome="success"', 'good'),
      fast('entries_total', 'kind="event",outcome="success"', 'bad'),
      of('0+60')('integrity_check_last_success_timestamp_seconds', '', 'good'),
      // The time of these tests begins at 0: a check long ago is one before that.
      of('-86400+0')('integrity_check_last_success_timestamp_seconds', '', 'bad'),
      of('90+0')('health_score', '', 'good'),
      of('70+0')('health_score', '', 'bad'),
      of('4+0')('alerts_active', 'severity="critical"', 'good'),
      of('5+0')('alerts_active', 'severity="critical"', 'bad'),
      growing('storage_operations_total', success, 'good'),
      zero('storage_operations_total', failure, 'good'),
      growing('storage_operations_total', failure, 'bad'),
      zero('dropped_total', '', 'good'),
      of('3+0')('dropped_total', '', 'bad'),
      ...buckets('append_duration_seconds', '0.01'),
      ...buckets('storage_duration_seconds', '0.05'),
      ...buckets('verify_duration_seconds', '0.01'),
      ...buckets('query_duration_seconds', '1'),
      zero('policy_violations_total', 'policy="other"', 'good'),
      growing('policy_violations_total', 'policy="other"', 'bad'),
      zero('stream_lag_entries', 'stream="siem"', 'good'),
      of('20000+0')('stream_lag_entries', 'stream="siem"', 'bad'),
      zero('faults_total', '', 'good'),
      growing('faults_total', '', 'bad'),
    ]
    /** The labels that an alert has besides where it is from. */
    const more: Readonly<Record<string, object>> = {
      MemmimicAuditTampering: { type: 'hash_mismatch' },
      MemmimicAuditPolicyViolations: { policy: 'other' },
      MemmimicAuditStreamBehind: { stream: 'siem' },
    }
    const expected = (test: (rule: Rule) => object[]) =>
      rules.map(rule => ({ eval_time: `${steps}m`, alertname: rule.alert, exp_alerts: test(rule) }))
    const isSilence = ({ alert }: Rule) => alert === 'MemmimicAuditSilent'
    // Texts are not compared: without them, the rules say when they fire.
    const groups = alerts.groups.map(group => ({
      ...group,
      rules: group.rules.map(({ annotations, ...rule }) => rule),
    }))
    const file = write('test.yml', {
      rule_files: [write('alerts.yml', { groups })],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: series,
          alert_rule_test: expected(rule => {
            const labels = { job: 'audit', instance: 'bad', ...rule.labels, ...more[rule.alert] }
            return isSilence(rule) ? [] : [{ exp_labels: labels }]
          }),
        },
        {
          interval: '1m',
          input_series: [{ series: 'up{job="audit"}', values: `0x${steps}` }],
          alert_rule_test: expected(rule => (isSilence(rule) ? [{ exp_labels: rule.labels }] : [])),
        },
      ],
    })
    expect(run('test', 'rules', file)).toContain('SUCCESS')
  })
})
