import type { IpcLogLevel } from '../../src/ipc/config.ts'
import { LineWriter } from '../../src/ipc/line-writer.ts'
import type { IpcVersion } from '../../src/ipc/version.ts'

export const VERSION_1: IpcVersion = { family: 1, number: '1.0', spelling: '1' }
export const VERSION_3: IpcVersion = { family: 3, number: '3.0', spelling: '3.0' }

/** A LineWriter whose lines a test reads: those of standard output, and those of standard error. */
export function createLines(version: IpcVersion, ipcLogLevel: IpcLogLevel = 'NONE') {
  const out: string[] = []
  const err: string[] = []
  const sink = (lines: string[]) => ({
    writableLength: 0,
    write: (text: string) => void lines.push(text.replace(/\n$/, '')),
  })
  return { out, err, lines: new LineWriter({ out: sink(out), err: sink(err), version, ipcLogLevel }) }
}
