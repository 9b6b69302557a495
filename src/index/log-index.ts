/**
 * The index: a projection of the log in a file of its own, which answers filters quickly and decides nothing.
 *
 * It follows the log whenever it is asked, in any process, and throws itself away when in doubt: when its file cannot
 * be read, when it belongs to another log, when it knows more than the log does. What it answers is then built anew.
 */
import { randomInt } from 'node:crypto'
import { existsSync, linkSync, rmSync } from 'node:fs'
import { kinds as _kinds, type Actor, type Kind, type Outcome, type SecurityLevel } from '../core/entry.ts'
import { AuditError } from '../core/errors.ts'
import type { CompiledFilter, IndexedField, Requirement } from '../core/filter.ts'
import { leafHashHex } from '../core/hash.ts'
import { formatTime, uuidv7Time } from '../core/time.ts'
import { readLeaf } from '../core/view.ts'
import { type Connection, openSqliteFile, toAuditError } from '../store/sqlite-file.ts'
import type { LogReader } from '../store/store.ts'
import { type Facts, factsOf, idBytes } from './facts.ts'
import { intersection, listOf, type Postings, union } from './postings.ts'
import { codes, dropTables, indexSchema, type ListName, type Meta, type Row, statements, tables } from './schema.ts'
import { Terms } from './terms.ts'
