/**
 * The seed's example: an agent's memory whose every operation is on the record, checked, reported and exported.
 *
 * Every part listens by itself: nothing here counts, verifies or raises an alert.
 */
import assert from 'node:assert/strict'
import { mkdtempDisposableSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { MemMimicAuditSystem } from '../src/index.ts'

using folder = mkdtempDisposableSync(`${tmpdir()}/audit-`)
await using system = new MemMimicAuditSystem(`${folder.path}/audit.db`, { keys: `${folder.path}/keys`, onCreate() {} })

// Operations of the memory, with what governance said of each.
const userContext = { userId: 'user_123', gdpr_applicable: true }
await system.auditMemoryOperation({
  operation: 'remember',
  memoryId: 'mem_001',
  userContext,
  operationResult: { success: true, data: { content: 'likes window seats' } },
  governanceResult: { status: 'approved', violations: [], warnings: [] },
  performanceData: { storage_ms: 2.1, governance_ms: 0.4 },
})
await system.auditMemoryOperation({ operation: 'recall', memoryId: 'mem_001', userContext })
await system.auditMemoryOperation({
  operation: 'remember',
  memoryId: 'mem_002',
  userContext: { ...userContext, medical: true },
  governanceResult: { status: 'rejected', violations: [{ type: 'content_size_exceeded', severity: 'critical' }] },
})
await system.auditMemoryOperation({ operation: 'forget', memoryId: 'mem_001', userContext })

// What happened, by what was in it.
const { entries, totalCount } = await system.queryAuditTrail({
  filters: [{ field: 'operationResult.data.content', operation: 'contains', value: 'WINDOW', caseSensitive: false }],
})
assert.deepEqual([totalCount, entries[0]?.memoryId], [1, 'mem_001'])
const history = await system.queryAuditHistory({ operation: 'remember' })
assert.deepEqual(
  history.entries.map(({ outcome, securityLevel }) => [outcome, securityLevel]),
  [
    ['denied', 'confidential'],
    ['success', 'internal'],
  ],
)

// Whether it is sound, and how far that answer reaches.
const { score, report } = await system.verifySystemIntegrity()
assert.deepEqual([score, report.valid, report.complete, report.trust], [100, true, true, 'anchored'])
const one = await system.verifyEntryIntegrity(entries[0]!.seq)
assert.equal(one.status, 'valid')

// A report of the period, and an export that is on the record itself.
const { auditSummary, complianceStatus } = await system.generateComplianceReport()
assert.equal(auditSummary.totalEntries, 5)
assert.ok(complianceStatus)
const { digest, receipt } = await system.exportAuditData(`${folder.path}/audit.csv`, 'csv')
assert.match(readFileSync(`${folder.path}/audit.csv`, 'utf8'), /likes window seats/)

const { status, metrics, openAlerts } = await system.getSystemStatus()
assert.deepEqual([status, openAlerts, metrics.currentHealthScore], ['healthy', 0, 100])
console.log(
  `${status}: ${auditSummary.totalEntries} entries; the export with the digest ${digest} is entry ${receipt?.seq}`,
)
