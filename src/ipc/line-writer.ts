import type { TcpAddress } from '../core/platform.ts'
import type { Arguments } from '../core/transport.ts'
import type { IpcLogLevel, LogFileLevel, ProxyMode } from './config.ts'
import type { IpcFailure } from './failure.ts'
import type { LineSink } from './line-sink.ts'
import {
  CLIENT_METHODS_DONE,
  PROXY_DONE,
  SERVER_METHODS_DONE,
  formatClientMethod,
  formatClientMethodError,
  formatFailure,
  formatServerMethod,
  formatServerMethodError,
  formatVersion,
  formatWarning,
} from './lines.ts'
import { formatLog, formatStatus, formatStatusVersion } from './log-line.ts'
import type { IpcVersion } from './version.ts'

/** Bytes that may wait for a parent that does not read; LOG and STATUS lines beyond are dropped, others never. */
export const MAX_QUEUED_LENGTH = 256 * 1024

/** A line with these would be two lines, or be cut: nothing that the parent could read back. */
const BREAKS_LINE = /[\0\n]/

export interface LineWriterOptions {
  /** The parent's view of us: standard output. */
  readonly out: LineSink
  /** Standard error. */
  readonly err: LineSink
  readonly version: IpcVersion
  /** LOG lines below this level are not written; it applies to every version. */
  readonly ipcLogLevel: IpcLogLevel
}

/** Writes the lines of the IPC, each to the stream on which the version's parents look for it. Their order is the caller's business. */
export class LineWriter {
  readonly #out: LineSink
  readonly #err: LineSink
  readonly #version: IpcVersion
  readonly #ipcLogLevel: IpcLogLevel
  #droppedCount = 0

  constructor({ out, err, version, ipcLogLevel }: LineWriterOptions) {
    this.#out = out
    this.#err = err
    this.#version = version
    this.#ipcLogLevel = ipcLogLevel
  }

  /** VERSION, once every setting but the upstream proxy and those of single transports has been validated. */
  version(): void {
    writeLine(this.#out, formatVersion(this.#version))
  }

  /** STATUS TYPE=version, in family 1 only. Written once, between VERSION and the end of the methods. */
  implementation(name: string, version: string): void {
    this.#writeDroppable(formatStatusVersion(this.#version, name, version))
  }

  proxyDone(): void {
    writeLine(this.#out, PROXY_DONE)
  }

  clientMethod(transport: string, mode: ProxyMode, bound: TcpAddress): void {
    writeLine(this.#out, formatClientMethod(transport, mode, bound))
  }

  clientMethodError(transport: string, text: string): void {
    this.#writeError(formatClientMethodError(transport, text))
  }

  clientMethodsDone(): void {
    writeLine(this.#out, CLIENT_METHODS_DONE)
  }

  /** SMETHOD. Throws RangeError for arguments that the line cannot carry. */
  serverMethod(transport: string, bound: TcpAddress, args: Arguments): void {
    writeLine(this.#out, formatServerMethod(transport, bound, args))
  }

  serverMethodError(transport: string, text: string): void {
    this.#writeError(formatServerMethodError(transport, text))
  }

  serverMethodsDone(): void {
    writeLine(this.#out, SERVER_METHODS_DONE)
  }

  /** ENV-ERROR, VERSION-ERROR or PROXY-ERROR; the process exits after it with the failure's code. */
  failure(failure: IpcFailure): void {
    writeFailure(failure, { out: this.#out, err: this.#err })
  }

  /** LOG, where the version has it and the level asks for it. `text` is scrubbed already. */
  log(level: LogFileLevel, text: string): void {
    this.#writeDroppable(formatLog(this.#version, this.#ipcLogLevel, level, text))
  }

  /**
   * Tells what people must hear to mend it: by LOG at WARN where the version and the level have that, else by a line on standard error,
   * which begins with no keyword. `text` is scrubbed already; it is told seldom.
   */
  warn(text: string): void {
    if (formatLog(this.#version, this.#ipcLogLevel, 'WARN', text) !== undefined) this.log('WARN', text)
    else if (this.#err.writableLength <= MAX_QUEUED_LENGTH) writeLine(this.#err, formatWarning(text))
  }

  /** STATUS of one transport, in family 1 only. Fields are scrubbed already; at least one. */
  status(transport: string, fields: Readonly<Record<string, string>>): void {
    this.#writeDroppable(formatStatus(this.#version, transport, fields))
  }

  #writeError(line: string): void {
    writeLine(this.#version.family === 1 ? this.#out : this.#err, line)
  }

  #writeDroppable(line: string | undefined): void {
    if (line === undefined) return
    if (this.#out.writableLength > MAX_QUEUED_LENGTH) {
      this.#droppedCount++
      return
    }
    if (this.#droppedCount > 0) {
      const dropped = formatLog(this.#version, this.#ipcLogLevel, 'WARN', `${this.#droppedCount} lines were dropped`)
      this.#droppedCount = 0
      if (dropped !== undefined) writeLine(this.#out, dropped)
    }
    writeLine(this.#out, line)
  }
}

/** Writes the line of a failure: in family 1 to `out`, in others to `err`, and to both when no version is in common. */
export function writeFailure(failure: IpcFailure, { out, err }: Pick<LineWriterOptions, 'out' | 'err'>): void {
  const line = formatFailure(failure)
  const family = failure.version?.family
  if (family === undefined || family === 1) writeLine(out, line)
  if (family !== 1) writeLine(err, line)
}

function writeLine(sink: LineSink, line: string): void {
  if (BREAKS_LINE.test(line)) throw new RangeError('a line of the IPC must not hold NUL or LF')
  sink.write(`${line}\n`)
}
