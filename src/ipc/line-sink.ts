/** Where lines go: the part of a Writable that is needed, such as process.stdout. It never throws; a broken pipe is its owner's business. */
export interface LineSink {
  /** Bytes that were written and are still queued. */
  readonly writableLength: number
  write(text: string): unknown
}
