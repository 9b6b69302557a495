/**
 * What secrets and personal data look like in a text.
 *
 * Each detector takes time in proportion to the text, whatever the text: no two parts of a pattern can share a run of
 * characters, a run is only entered at its start, and what is open to the end of a text ends the search. Most texts hold
 * nothing, so a hint that is cheap to look for goes before each search.
 */
import type { DetectorName } from './settings.ts'

/** A stretch of a text, by UTF-16 units, and what it looks like. */
export interface Found {
  readonly start: number
  readonly end: number
  readonly name: DetectorName
}

interface Detector {
  /** True for every text in which there is something to find. */
  hint(text: string): boolean
  find(text: string, found: (start: number, end: number) => void): void
}

/** No finding of any kind is shorter. */
const minLength = 6

/**
 * Looks for all of these in a text; `undefined` where there is nothing.
 *
 * @example lookFor(['api_key'])('use AKIAIOSFODNN7EXAMPLE') // [{ start: 4, end: 24, name: 'api_key' }]
 */
export function lookFor(names: readonly DetectorName[]): (text: string) => Found[] | undefined {
  const wanted = names.map(name => ({ name, ...detectors[name] }))
  return text => {
    if (text.length < minLength) return undefined
    let all: Found[] | undefined
    for (const { name, hint, find } of wanted) {
      if (!hint(text)) continue
      find(text, (start, end) => {
        all ??= []
        all.push({ start, end, name })
      })
    }
    return all
  }
}

/** Prefixes by which keys of well-known services are known, and what follows. The services publish them for this. */
const keyShapes: readonly (readonly [prefix: string, rest: string])[] = [
  // Anthropic, OpenAI, OpenRouter, and others who took over the form
  ['sk-(?:ant|proj|svcacct|admin|or-v1)-', '[\\w-]{16,}'],
  ['sk-', '[A-Za-z0-9]{32,}'],
  // Stripe: secret, restricted, webhook
  ['[sr]k_(?:live|test)_', '[A-Za-z0-9]{16,}'],
  ['whsec_', '[A-Za-z0-9+/=]{20,}'],
  // GitHub, GitLab
  ['gh[pousr]_', '[A-Za-z0-9]{36,}'],
  ['github_pat_', '\\w{22,}'],
  ['gl(?:pat|ptt|rt|dt|cbt|soat|oas)-', '[\\w.-]{20,}'],
  // Slack
  ['xox[abeprs]-', '[A-Za-z0-9-]{16,}'],
  ['xapp-', '[A-Za-z0-9-]{16,}'],
  // Amazon: access key ids
  ['A(?:KIA|SIA|BIA|CCA)', '[A-Z0-9]{16}(?![A-Za-z0-9])'],
  // Google: API key, OAuth access and client secret
  ['AIza', '[\\w-]{35}'],
  ['ya29\\.', '[\\w-]{20,}'],
  ['GOCSPX-', '[\\w-]{20,}'],
  // SendGrid, npm, PyPI, Hugging Face, DigitalOcean, Shopify, Databricks
  ['SG\\.', '[\\w-]{16,32}\\.[\\w-]{16,64}'],
  ['npm_', '[A-Za-z0-9]{36,}'],
  ['pypi-', '[\\w-]{50,}'],
  ['hf_', '[A-Za-z0-9]{30,}'],
  ['do[opr]_v1_', '[0-9a-f]{64}'],
  ['shp(?:at|ca|pa|ss)_', '[0-9a-fA-F]{32}'],
  ['dapi', '[0-9a-f]{32}'],
  // Groq, xAI, Perplexity, Replicate, Tavily, Linear, Figma, Notion
  ['gsk_', '[A-Za-z0-9]{40,}'],
  ['xai-', '[A-Za-z0-9]{40,}'],
  ['pplx-', '[A-Za-z0-9]{40,}'],
  ['r8_', '[A-Za-z0-9]{36,}'],
  ['tvly-', '[A-Za-z0-9-]{20,}'],
  ['lin_api_', '[A-Za-z0-9]{32,}'],
  ['fig[du]_', '[\\w-]{32,}'],
  ['ntn_', '[A-Za-z0-9]{40,}'],
  // HashiCorp Vault, age, Telegram bots
  ['hv[sbr]\\.', '[\\w-]{20,}'],
  ['AGE-SECRET-KEY-1', '[A-Z0-9]{50,}'],
  ['[0-9]{8,10}:AA', '[\\w-]{33}(?![\\w-])'],
  // The seal key of a log of ours: with it, old entries could be sealed anew
  ['memmimic-audit-seal-key\\+', '[^\\s"\'<>]{20,}'],
]

const anyKey = new RegExp(`(?<![A-Za-z0-9])(?:${keyShapes.map(([prefix, rest]) => prefix + rest).join('|')})`, 'g')

const anyPrefix = new RegExp(keyShapes.map(([prefix]) => prefix.replace(/^\[0-9\]\{.*?\}/, '')).join('|'))

const isKeyCharacter = Uint8Array.from({ length: 128 }, (_, code) =>
  Number(/[\w+./:=-]/.test(String.fromCharCode(code))),
)
const shortestKey = 20

/** Whether there is a run of characters as long as the shortest key: it is enough to look at every twentieth. */
function hasKeyRun(text: string): boolean {
  for (let at = shortestKey - 1; at < text.length; ) {
    let start = at
    while (start > at - shortestKey && isKeyCharacter[text.charCodeAt(start)] === 1) start--
    if (start === at - shortestKey) return true
    at = start + shortestKey
  }
  return false
}

const apiKey: Detector = {
  hint: text => hasKeyRun(text) && anyPrefix.test(text),
  find(text, found) {
    for (const { index, 0: key } of text.matchAll(anyKey)) found(index, index + key.length)
  },
}

/** RFC 7519, and RFC 7516 with its five parts: a JSON object in base64url begins with `eyJ`. */
const jwt = /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*(?:\.[\w-]+){0,2}/g
/** RFC 6750, section 2.1, and RFC 7617. */
const authorization = /\b(bearer|basic)[ \t]{1,4}([\w\-.~+/]{8,}=*)/gi

const token: Detector = {
  hint: text => /eyJ|bearer|basic/i.test(text),
  find(text, found) {
    for (const { index, 0: all } of text.matchAll(jwt)) found(index, index + all.length)
    for (const { index, 0: all, 1: scheme, 2: value } of text.matchAll(authorization)) {
      const isSecret = scheme!.toLowerCase() === 'basic' ? isUserAndPassword(value!) : /[\d._~+/=]|^.{24}/.test(value!)
      if (isSecret) found(index + all.length - value!.length, index + all.length)
    }
  },
}

/** “Basic authentication” is no secret; the base64 of `user:password` is. */
function isUserAndPassword(value: string): boolean {
  try {
    return atob(value).includes(':')
  } catch {
    return false
  }
}

/** RFC 7468 and RFC 4880, section 6.2. */
const keyBegins = /-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----/g
const keyEnds = /-----END (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----/g
/** As far as a key can reach of which the end is not there. */
const keyBody = /[\w+/=\s\\]*/y

const privateKey: Detector = {
  hint: text => /-----BEGIN /.test(text),
  find(text, found) {
    let hasEnd = true
    keyBegins.lastIndex = 0
    for (let begin = keyBegins.exec(text); begin !== null; begin = keyBegins.exec(text)) {
      let end = keyBegins.lastIndex
      keyEnds.lastIndex = end
      hasEnd &&= keyEnds.test(text)
      if (hasEnd) {
        end = keyEnds.lastIndex
      } else {
        keyBody.lastIndex = end
        keyBody.test(text)
        end = text.slice(0, keyBody.lastIndex).trimEnd().length
      }
      found(begin.index, end)
      keyBegins.lastIndex = end
    }
  },
}

/** RFC 3986, section 3.2.1: `scheme://user:password@host`. */
const urlPassword = /:\/\/[^\s/?#"'`<>@:]{0,256}:([^\s/?#"'`<>]+)@/g
/** A name that says that a secret follows, and what stands between: `"db_password": `, `TOKEN=`, `--api-key `. */
const secretBefore =
  /(?:passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|secret|private|account|signing|encryption)[-_ ]?key|(authorization|cookie))(?:\\{0,8}["'`]?[ \t]{0,4}(?:=>|:=|={1,3}|:)[ \t]{0,4}|(?<=--[\w-]{1,40})[ \t]{1,4}(?!-))/gi
const opening = /(\\*)(["'`])/y
const bare = /[^\s"'`&,;<>(){}[\]\\]{3,}/y
const line = /[^\r\n"'`]+/y
/** Values that are none: words of code and of forms, and what is masked already. */
const noSecret =
  /^(?:true|false|null|undefined|none|nil|str|string|number|text|required|optional|\*+|\/\/.*|\[(?:redacted|hashed):.*)$/is

const password: Detector = {
  hint: text => /:\/\/|pass|pwd|secret|token|key|authori[sz]ation|cookie/i.test(text),
  find(text, found) {
    for (const { index, 0: all, 1: value } of text.matchAll(urlPassword)) {
      const end = index + all.length - 1
      if (!noSecret.test(value!.slice(0, 40))) found(end - value!.length, end)
    }
    secretBefore.lastIndex = 0
    for (let before = secretBefore.exec(text); before !== null; before = secretBefore.exec(text)) {
      const header = before[1]?.toLowerCase()
      const { start, end } = valueAt(text, secretBefore.lastIndex, header !== undefined)
      const value = text.slice(start, Math.min(end, start + 40))
      // “cookie: chocolate” is none.
      const isSecret = value !== '' && !noSecret.test(value) && (header !== 'cookie' || value.includes('='))
      if (isSecret) found(start, end)
      secretBefore.lastIndex = Math.max(secretBefore.lastIndex, end)
    }
  },
}

/** The value that begins here: in quotes up to the closing one or the end of the line, or bare. A header is a whole line. */
function valueAt(text: string, at: number, isHeader: boolean): { start: number; end: number } {
  opening.lastIndex = at
  const quote = opening.exec(text)
  if (quote !== null) {
    const start = opening.lastIndex
    return { start, end: closing(text, start, quote[2]!, quote[1]!.length) }
  }
  const value = isHeader ? line : bare
  value.lastIndex = at
  return { start: at, end: value.test(text) ? value.lastIndex : at }
}

/** The next such quote that is not escaped more often than the opening one was, or the end of the line. */
function closing(text: string, from: number, quote: string, escapes: number): number {
  const newline = text.indexOf('\n', from)
  const lineEnd = newline < 0 ? text.length : newline
  for (let at = text.indexOf(quote, from); at >= 0 && at < lineEnd; at = text.indexOf(quote, at + 1)) {
    let before = at
    while (before > from && text[before - 1] === '\\') before--
    if (at - before <= escapes) return before
  }
  return lineEnd
}

const secretNames =
  /(?:passw(?:or)?d|passphrase|pwd|secret|token|(?:api|access|secret|private|account|signing|encryption)key|authorization|cookie)$/
/** Tokens that only say where a list goes on. */
const placeNames = /(?:page|next|continuation|sync|cursor)token$/

/**
 * Whether the value of a member with this name is a secret: `password`, `dbPassword`, `X-API-Key`, `set-cookie`.
 *
 * @param name in lower case, without `-`, `_` and spaces
 */
export function isSecretName(name: string): boolean {
  return secretNames.test(name) && !placeNames.test(name)
}

/** RFC 5321, as people have them: a local part of at most 64 characters, a domain with a dot, letters of any script. */
const domain = /(?:[a-z0-9\u0080-\uffff-]{1,63}\.){1,8}[a-z\u0080-\uffff]{2,63}(?!\w)/iy
const isLocal = Uint8Array.from({ length: 128 }, (_, code) => Number(/[\w.%+~-]/.test(String.fromCharCode(code))))

const email: Detector = {
  hint: text => /@/.test(text),
  find(text, found) {
    for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
      domain.lastIndex = at + 1
      if (!domain.test(text)) continue
      let start = at
      while (start > 0 && at - start < 64 && isLocal[text.charCodeAt(start - 1)] !== 0) start--
      if (start < at) found(start, domain.lastIndex)
    }
  },
}

/** ISO/IEC 7812: digits in one run, or in groups as they stand on cards. */
const cardNumbers =
  /(?<![\w.])(?:[2-6]\d{12,18}|[2-6]\d{3}([ -])\d{4}\1\d{4}\1\d{1,7}|3\d{3}([ -])\d{6}\2\d{4,5})(?![\w]|\.\d)/g
/** The lengths in use by the first digits. */
const cardLengths =
  /^(?:4(?:\d{12}|\d{15}|\d{18})|(?:5[1-5]|2[2-7])\d{14}|3[47]\d{13}|3[0689]\d{12,17}|(?:35|50|5[6-9]|6\d)\d{14,17})$/

const cardNumber: Detector = {
  hint: text => /\d{4}/.test(text),
  find(text, found) {
    for (const { index, 0: card } of text.matchAll(cardNumbers)) {
      if (isCardNumber(card.replaceAll(/[ -]/g, ''))) found(index, index + card.length)
    }
  },
}

/** Whether these digits can be a card's: a known beginning with a length in use, and the right check digit (Luhn). */
export function isCardNumber(digits: string): boolean {
  if (!cardLengths.test(digits)) return false
  let sum = 0
  for (let i = 0; i < digits.length; i++) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48
    const doubled = 2 * digit
    sum += i % 2 === 0 ? digit : doubled > 9 ? doubled - 9 : doubled
  }
  return sum % 10 === 0
}

const detectors: Readonly<Record<DetectorName, Detector>> = {
  api_key: apiKey,
  token,
  private_key: privateKey,
  password,
  email,
  card_number: cardNumber,
}
