/** Inputs that broke something once, with what was wrong then. */
export interface Fixture {
  /** The name of its target. */
  readonly parser: string
  readonly input: string | Uint8Array
  readonly was: string
}

const base64 = (text: string) => Buffer.from(text, 'base64')

export const fixtures: readonly Fixture[] = [
  { parser: 'json', input: '{"o\u2028"":3}', was: 'the error had a line separator in it' },
  {
    parser: 'content',
    input: base64('AAAAHAIBAQEBAQEBAQEBAQEBAQEBAyIHfX0A/wAAAAE='),
    was: 'the problem quoted a name as it stands',
  },
  {
    parser: 'leaves of a block',
    input: new Uint8Array(60_000),
    was: 'a few bytes unfolded to an entry for every two zeros',
  },
  {
    parser: 'contents of a block',
    input: new Uint8Array(60_000),
    was: 'a few bytes unfolded to an entry for every four zeros',
  },
  {
    parser: 'contents of a block',
    input: base64('gAAAFQAAAP8CAAAA'),
    was: 'what a content claimed and did not hold was left as memory had it',
  },
  { parser: 'note', input: 'a\n\n— a b3Bl\u007fnNlc2FtZQ==\n', was: 'the error had a control character in it' },
  {
    parser: 'checkpoint',
    input: 'log.example/audit\n6\n39jeDjMdKj3yHf98=\n\u200b',
    was: 'the error had an invisible character in it',
  },
  { parser: 'vkey', input: 'log.exa\u200bmple/a65536f6d+AYqI49=', was: 'the error had an invisible character in it' },
  { parser: 'tlog-proof', input: 'c2sp.org/tlog-pro\u0000of@\ufeff', was: 'the error had a byte order mark in it' },
  {
    parser: 'tile path',
    input: 'tile/63/\u200bx009/x0065536254/x740/9910',
    was: 'the error had an invisible character in it',
  },
  { parser: 'condition', input: `o${'time'.repeat(700)} eq 1`, was: 'the error was as long as what it quoted' },
  {
    parser: 'condition',
    input: `operation in a,${' '.repeat(60_000)}b`,
    was: 'its time grew with the square of the spaces',
  },
  {
    parser: 'filter',
    input: '{"where":[{"field":"x","op":"eq","value":1,"\u007fa":0}]}',
    was: 'the error had a control character in it',
  },
  { parser: 'filter', input: 'null', was: 'no filter at all was an exception of the language' },
  { parser: 'filter', input: '5', was: 'a number was a filter that everything matches' },
  {
    parser: 'entry',
    input: '{"operation":"x","component":"y","sessio\u007f":"s"}',
    was: 'the error had a control character in it',
  },
  { parser: 'configuration', input: '? '.repeat(800), was: 'a name within a name within a name … filled the memory' },
  { parser: 'configuration', input: `a: *${'x'.repeat(3000)}`, was: 'the error was as long as what it quoted' },
  {
    parser: 'entry of a bundle',
    input: '{"disclosures":[],"leaf":"\\ud800","proof":[]}',
    was: 'a lone surrogate was a second spelling of U+FFFD',
  },
  { parser: 'bundle', input: `\u0000${'\n'.repeat(60_000)}`, was: 'each of its empty lines was looked at' },
]
