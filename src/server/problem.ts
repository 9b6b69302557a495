/** Errors as responses: RFC 9457, `application/problem+json`. */
import { AuditError, type AuditErrorCode } from '../core/errors.ts'

export interface Problem {
  readonly status: number
  readonly title: string
  /** One sentence about this very case. */
  readonly detail?: string
  /** The stable code of an error of the log. */
  readonly code?: AuditErrorCode
}

/** @param headers further ones: `Allow`, `Retry-After` */
export function problem({ status, title, ...members }: Problem, headers: Record<string, string> = {}): Response {
  // A type of `about:blank` says: the status is all there is to know, and the title is its name.
  return new Response(`${JSON.stringify({ type: 'about:blank', title, status, ...members })}\n`, {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  })
}

const ofCode: Readonly<Partial<Record<AuditErrorCode, { status: number; title: string }>>> = {
  bad_input: { status: 400, title: 'Bad Request' },
  not_found: { status: 404, title: 'Not Found' },
  frozen: { status: 423, title: 'Locked' },
  busy: { status: 503, title: 'Service Unavailable' },
  io: { status: 503, title: 'Service Unavailable' },
  closed: { status: 503, title: 'Service Unavailable' },
}

/** An error as a response: what the caller can act on in words, anything else only as a failure. */
export function problemOf(error: unknown): Response {
  const known = error instanceof AuditError ? ofCode[error.code] : undefined
  if (!(error instanceof AuditError) || known === undefined) {
    return problem({ status: 500, title: 'Internal Server Error', detail: 'see the log of the server' })
  }
  const isTheirs = known.status < 500
  return problem(
    { ...known, code: error.code, ...(isTheirs && { detail: error.message }) },
    isTheirs ? {} : { 'retry-after': '1' },
  )
}
