/**
 * The spill: a journal beside the log for entries that the log could not take. Each is synced before it is acknowledged,
 * encrypted as the log is, and brought into the log, in order, as soon as the log can be written again.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Draft } from '../core/capture.ts'
import { AuditError } from '../core/errors.ts'
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
   * Keeps drafts. They are on the disk when this returns.
   *
   * @throws AuditError `io`
   */
  keep(drafts: readonly Draft[]): void {
    const isNew = !existsSync(this.#file)
    try {
      const fd = openSync(this.#file, 'a', 0o600)
      try {
        writeSync(fd, drafts.map(draft => `${this.#close(JSON.stringify(draft))}\n`).join(''))
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
    } catch (error) {
      throw new AuditError('io', `${this.#file} could not be written: ${(error as Error).message}`, { cause: error })
    }
    if (isNew) syncFolder(dirname(this.#file))
  }

  /** Journals to bring in: this process's own, and those of processes that have ended. */
  waiting(): string[] {
    const folder = dirname(this.#log)
    const prefix = basename(this.#log) + marker
    return readdirSync(folder)
      .filter(name => name.startsWith(prefix))
      .map(name => join(folder, name))
      .filter(file => file === this.#file || hasEnded(basename(file).slice(prefix.length)))
      .sort()
  }

  /**
   * The drafts in a journal, in order. A last line that was cut short by a crash was never acknowledged, and is left out.
   *
   * @throws AuditError `bad_format` when anything else cannot be read
   */
  read(file: string): Draft[] {
    const lines = readFileSync(file, 'utf8').split('\n')
    lines.pop()
    return lines.map((line, i) => {
      try {
        return JSON.parse(this.#open(line)) as Draft
      } catch (error) {
        throw new AuditError('bad_format', `${file}, line ${i + 1}, cannot be read`, { cause: error })
      }
    })
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
