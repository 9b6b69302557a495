/** Keys and certificates for the way to a receiver, out of files. */
import { readFileSync } from 'node:fs'
import { readPrivateFile } from '../append/private-file.ts'
import { AuditError } from '../core/errors.ts'
import type { TlsSettings } from './settings.ts'

/** As `node:tls` and `node:https` take them. */
export interface TlsOptions {
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
  readonly minVersion: 'TLSv1.2'
}

/** @throws AuditError `not_found` when a file is not there, `bad_key` when others can read the key */
export function tlsOptions({ caFile, certFile, keyFile, serverName }: TlsSettings = {}): TlsOptions {
  const key = keyFile === undefined ? undefined : readPrivateFile(keyFile)
  if (keyFile !== undefined && key === undefined) throw new AuditError('not_found', `there is no key at ${keyFile}`)
  return {
    minVersion: 'TLSv1.2',
    ...(caFile === undefined ? {} : { ca: certificates(caFile) }),
    ...(certFile === undefined ? {} : { cert: certificates(certFile) }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}

function certificates(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new AuditError('not_found', `${file} cannot be read: ${(cause as Error).message}`, { cause })
  }
}
