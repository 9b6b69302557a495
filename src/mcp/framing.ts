/**
 * Splits a stream of bytes into lines of any length. Every byte comes out again, in order, its newline included;
 * a line within one chunk is a view of it, and only a line that spans chunks is copied, once.
 */
export class LineSplitter {
  #parts: Uint8Array[] = []

  /** The lines that this chunk completes, each with its newline. */
  push(chunk: Uint8Array): Uint8Array[] {
    const lines: Uint8Array[] = []
    let start = 0
    for (;;) {
      const newline = chunk.indexOf(0x0a, start)
      if (newline < 0) break
      this.#parts.push(chunk.subarray(start, newline + 1))
      lines.push(this.#take())
      start = newline + 1
    }
    if (start < chunk.length) this.#parts.push(chunk.subarray(start))
    return lines
  }

  /** What is left when the stream has ended: a last line without newline, or nothing. */
  end(): Uint8Array | undefined {
    return this.#parts.length === 0 ? undefined : this.#take()
  }

  #take(): Uint8Array {
    const parts = this.#parts
    this.#parts = []
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
  }
}
