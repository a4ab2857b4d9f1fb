import { GatherBuffer } from '../util/gather-buffer.ts'

/** Bytes of a line that are kept; what a longer one has beyond is dropped. */
export const MAX_LINE_LENGTH = 64 * 1024

const LF = 0x0a
const CR = 0x0d

/** Cuts what a child writes into lines, without their LF and the CR before it. It never holds more than one line of 64 KiB. */
export class LineSplitter {
  readonly #onLine: (line: string) => void
  readonly #begun = new GatherBuffer(MAX_LINE_LENGTH)

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine
  }

  /** Takes bytes in any chopping; they are not kept. UTF-8 that is broken becomes U+FFFD. */
  push(bytes: Uint8Array): void {
    let from = 0
    for (let at = bytes.indexOf(LF); at !== -1; at = bytes.indexOf(LF, from)) {
      this.#begun.append(bytes.subarray(from, at))
      from = at + 1
      this.#finish()
    }
    if (from < bytes.length) this.#begun.append(bytes.subarray(from))
  }

  /** Tells the line that was begun and has no end. */
  end(): void {
    if (this.#begun.length > 0) this.#finish()
  }

  #finish(): void {
    const { bytes } = this.#begun
    const line = (bytes.at(-1) === CR ? bytes.subarray(0, -1) : bytes).toString()
    this.#begun.clear()
    this.#onLine(line)
  }
}
