/**
 * The spill: a journal beside the log for entries that the log could not take. Each is synced before it is acknowledged,
 * encrypted as the log is, and brought into the log, in order, as soon as the log can be written again.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { utf8 } from '../core/bytes.ts'
import type { Draft } from '../core/capture.ts'
import { AuditError } from '../core/errors.ts'
import { canonicalize, parseJson } from '../core/json.ts'
import { leafText, parseLeaf } from '../core/leaf.ts'
import { hasEnded, writerMark } from './liveness.ts'
import { syncFolder } from './private-file.ts'

const marker = '.spill.'

export class Spill {
  readonly #log: string
  readonly #file: string
  readonly #key: Uint8Array | undefined

  /** @param storageKey the key of the log; `undefined` when it is not encrypted, and then neither is the spill */
  constructor(log: string, storageKey: Uint8Array | undefined) {
    this.#log = log
    this.#file = `${log}${marker}${writerMark()}`
    this.#key = storageKey && new Uint8Array(hkdfSync('sha256', storageKey, '', 'memmimic-audit/spill', 32))
  }

  /**
   * Keeps drafts. They are on the disk when this returns, and not in the journal when it throws.
   *
   * @throws AuditError `io`
   */
  keep(drafts: readonly Draft[]): void {
    const isNew = !existsSync(this.#file)
    try {
      const fd = openSync(this.#file, 'a', 0o600)
      const { size } = fstatSync(fd)
      try {
        // The line before may have been cut short, by a disk that was full: then it ends here.
        const lines = drafts.map(draft => `${this.#close(JSON.stringify(draft))}\n`)
        writeFileSync(fd, (size > 0 ? '\n' : '') + lines.join(''))
        fsyncSync(fd)
      } catch (error) {
        ftruncateSync(fd, size)
        throw error
      } finally {
        closeSync(fd)
      }
      if (isNew) syncFolder(dirname(this.#file))
    } catch (error) {
      throw new AuditError('io', `${this.#file} could not be written: ${(error as Error).message}`, { cause: error })
    }
  }

  /** Journals to bring in: this process's own, and those of processes that have ended. */
  waiting(): string[] {
    const folder = dirname(this.#log)
    const prefix = basename(this.#log) + marker
    return readdirSync(folder)
      .filter(name => name.startsWith(prefix))
      .filter(name => isToBringIn(markIn(name.slice(prefix.length))))
      .map(name => join(folder, name))
      .sort()
  }

  /**
   * Makes a journal this process's own, so that no other brings it in too.
   *
   * @returns where it is now; `undefined` when another process was quicker
   */
  claim(file: string): string | undefined {
    const mark = basename(file).slice(basename(this.#log).length + marker.length)
    if (markIn(mark) === writerMark()) return file
    const own = `${this.#file}.${randomBytes(4).toString('hex')}`
    try {
      renameSync(file, own)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw new AuditError('io', `${file} could not be taken: ${(error as Error).message}`, { cause: error })
    }
    return own
  }

  /**
   * The drafts in a journal, in order, and how many lines of it cannot be read. What a crash cut short was never
   * acknowledged, and stands among those when something was kept behind it.
   */
  read(file: string): { readonly drafts: Draft[]; readonly unreadable: number } {
    const lines = readFileSync(file, 'utf8').split('\n')
    // Without its end, the last line is one that a crash cut short.
    lines.pop()
    const drafts: Draft[] = []
    let unreadable = 0
    for (const line of lines) {
      if (line === '') continue
      try {
        const draft: unknown = JSON.parse(this.#open(line))
        if (isDraft(draft)) drafts.push(draft)
        else unreadable++
      } catch {
        unreadable++
      }
    }
    return { drafts, unreadable }
  }

  drop(file: string): void {
    rmSync(file, { force: true })
    syncFolder(dirname(file))
  }

  #close(text: string): string {
    if (this.#key === undefined) return text
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    return sealed.toString('base64')
  }

  #open(line: string): string {
    if (this.#key === undefined) return line
    const sealed = Buffer.from(line, 'base64')
    const cipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, 12))
    cipher.setAuthTag(sealed.subarray(-16))
    return Buffer.concat([cipher.update(sealed.subarray(12, -16)), cipher.final()]).toString('utf8')
  }
}

/** Acts of the log itself that are never kept here: they would excuse what is missing, or name other keys. */
const neverKept: ReadonlySet<string> = new Set([
  'log.created',
  'log.restored',
  'key.rotated',
  'retention.pruned',
  'subject.erased',
])

/**
 * Whether this is a draft as capture makes one. Where the log is not encrypted, neither is its spill: whoever can write
 * into the folder could otherwise have the log sign what it would never have taken.
 */
function isDraft(value: unknown): value is Draft {
  if (typeof value !== 'object' || value === null) return false
  const draft = value as Draft
  const { id, time, first, middle, level, trace, sealed } = draft
  const texts: unknown[] = [id, first, middle, level, trace, ...(Array.isArray(sealed) ? sealed : [sealed])]
  if (!texts.every(text => typeof text === 'string') || !Number.isSafeInteger(time) || sealed.length % 2 !== 0)
    return false
  const values = sealed.filter((_, i) => i % 2 === 1)
  const place = { seq: 1, time, previousHash: '0'.repeat(64) }
  const { leaf } = parseLeaf(
    utf8(
      leafText(
        draft,
        place,
        values.map(() => 'A'.repeat(43)),
      ),
    ),
  )
  const isOwn = leaf?.id === id && leaf.seq === 1 && Object.keys(leaf.sealed ?? {}).length === values.length
  if (!isOwn || (leaf.kind === 'control' && neverKept.has(leaf.operation))) return false
  return values.every(json => canonicalize(parseJson(json)) === json)
}

/** The mark of the process whose journal it is: five parts; a sixth tells those apart that it took over. */
function markIn(end: string): string {
  return end.split('.').slice(0, 5).join('.')
}

/** Whether a journal is this process's own, or that of one that has ended. */
function isToBringIn(mark: string): boolean {
  return mark === writerMark() || hasEnded(mark)
}
