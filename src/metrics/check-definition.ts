/** What a metric must be before anything is counted in it: a threshold that could never be crossed is refused. */
import { securityLevels } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import { badInput, pathOf } from '../core/json.ts'
import type { MetricDefinition, MetricType } from './definitions.ts'
import type { ThresholdType } from './settings.ts'

const typesOf: Readonly<Record<ThresholdType, readonly MetricType[]>> = {
  rate_per_minute: ['counter'],
  rate_per_hour: ['counter'],
  total: ['counter'],
  p95: ['histogram', 'timer'],
  p99: ['histogram', 'timer'],
  critical_alerts: ['gauge'],
  min_score: ['gauge'],
}

/** As many series as one metric may have: each costs memory here and in Prometheus for as long as it runs. */
const maxSeries = 1000

/** @throws AuditError `bad_input` with the path of what cannot be, `already_exists` for a name that is taken */
export function checkDefinition(definition: MetricDefinition, others: readonly MetricDefinition[]): void {
  const { name, type, description, securityLevel, labels = {}, thresholds = {}, prometheus } = definition
  if (!/^[a-z][a-z0-9_]{0,99}$/.test(name)) {
    throw badInput('$.name', 'a metric has a name of lower-case letters, digits and _, 1–100 characters')
  }
  if (!['counter', 'gauge', 'histogram', 'timer'].includes(type)) {
    throw badInput('$.type', `${type} is not one of counter, gauge, histogram, timer`)
  }
  if (description.trim() === '') throw badInput('$.description', 'a metric says in a sentence what it is')
  if (!securityLevels.includes(securityLevel)) {
    throw badInput('$.securityLevel', `${securityLevel} is not one of ${securityLevels.join(', ')}`)
  }
  const isHistogram = type === 'histogram' || type === 'timer'
  checkLabels(labels, isHistogram)
  for (const [threshold, limit] of Object.entries(thresholds) as [ThresholdType, number | undefined][]) {
    const path = pathOf('$.thresholds', threshold)
    const types = typesOf[threshold]
    if (types === undefined) throw badInput(path, `thresholds are ${Object.keys(typesOf).join(', ')}`)
    if (!types.includes(type)) throw badInput(path, `a ${type} has no such threshold: it goes with ${types.join(', ')}`)
    if (limit === undefined) continue
    if (typeof limit !== 'number' || !(limit >= 0 && limit < Number.POSITIVE_INFINITY)) {
      throw badInput(path, `${limit} is not a number from 0 up`)
    }
    if (threshold === 'critical_alerts' && !labels.severity?.includes('critical')) {
      throw badInput(path, 'it goes with a label severity that can be critical')
    }
  }
  if (prometheus !== undefined) checkPrometheus(prometheus, type, isHistogram)
  for (const other of others) {
    if (other.name === name) throw new AuditError('already_exists', `there is a metric ${name} already`)
    if (prometheus !== undefined && other.prometheus?.name === prometheus.name) {
      throw new AuditError('already_exists', `the metric ${other.name} is ${prometheus.name} in Prometheus already`)
    }
  }
}

function checkLabels(labels: { readonly [name: string]: readonly string[] }, isHistogram: boolean): void {
  if (isHistogram && Object.keys(labels).length > 0) throw badInput('$.labels', 'a histogram has no labels')
  let series = 1
  for (const [label, values] of Object.entries(labels)) {
    if (!/^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/.test(label)) {
      throw badInput(pathOf('$.labels', label), 'a label has a name of letters, digits and _, and no __ in front')
    }
    series *= values.length + 1
  }
  if (series > maxSeries) throw badInput('$.labels', `these labels make ${series} series, and ${maxSeries} are allowed`)
}

function checkPrometheus(
  { name, buckets }: NonNullable<MetricDefinition['prometheus']>,
  type: MetricType,
  isHistogram: boolean,
): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name)) throw badInput('$.prometheus.name', 'a name of lower-case letters, digits and _')
  if ((type === 'counter') !== name.endsWith('_total')) {
    throw badInput('$.prometheus.name', 'the name of a counter, and of nothing else, ends in _total')
  }
  if (isHistogram !== (buckets !== undefined)) {
    throw badInput('$.prometheus.buckets', 'a histogram or timer, and nothing else, has buckets')
  }
  const isAscending = buckets?.every((bound, i) => Number.isFinite(bound) && (i === 0 || buckets[i - 1]! < bound))
  if (isAscending === false || buckets?.length === 0) {
    throw badInput('$.prometheus.buckets', 'bounds are numbers in ascending order')
  }
}
