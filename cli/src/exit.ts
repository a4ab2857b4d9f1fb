import process from 'node:process'

/** Time for a parent that is slow to read our last lines. */
const WRITE_LIMIT_MS = 500

let exiting = false

/** Exits with `code` once standard output and error are written out, or after half a second. The first code counts. */
export function exitWhenWritten(code: number): void {
  if (exiting) return
  exiting = true
  process.exitCode = code
  const written = [process.stdout, process.stderr].map(
    (stream) =>
      new Promise<void>((resolve) => {
        // The callback comes after everything that was written before, or with the error of a broken pipe.
        stream.write('', () => resolve())
      }),
  )
  const exit = (): never => process.exit(code)
  setTimeout(exit, WRITE_LIMIT_MS)
  void Promise.all(written).then(exit)
}
