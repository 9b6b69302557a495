/** The few things that we ask of the driver, which ships its types where its `exports` hide them. */
declare module 'better-sqlite3-multiple-ciphers' {
  export interface Statement {
    run(...values: unknown[]): { changes: number }
    get(...values: unknown[]): unknown
    all(...values: unknown[]): unknown[]
    iterate(...values: unknown[]): IterableIterator<unknown>
    /** Rows as arrays. */
    raw(): this
    /** Only the first column of each row. */
    pluck(): this
    /** Integers as BigInt, so that none loses digits. */
    safeIntegers(): this
  }
  export default class Database {
    constructor(file: string, options?: { readonly?: boolean; timeout?: number })
    readonly readonly: boolean
    readonly open: boolean
    readonly inTransaction: boolean
    prepare(sql: string): Statement
    exec(sql: string): this
    pragma(text: string, options?: { simple: boolean }): unknown
    close(): this
  }
}
