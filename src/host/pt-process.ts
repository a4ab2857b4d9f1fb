import type { EventEmitter } from 'node:events'
import type { TcpAddress } from '../core/platform.ts'
import type { Arguments, Transport } from '../core/transport.ts'
import type { ProxyMode } from '../ipc/config.ts'
import type { ChildExit } from './child.ts'

/** A transport that a client child offers: what to speak to it, and where. */
export interface ClientMethod {
  readonly kind: 'client'
  readonly transport: string
  /** `socks5`, `socks4`, or a mode of PT 2.1. */
  readonly protocol: ProxyMode | 'socks4'
  readonly address: TcpAddress
}

/** A transport that a server child offers: where it listens, and what its clients need. */
export interface ServerMethod {
  readonly kind: 'server'
  readonly transport: string
  readonly address: TcpAddress
  readonly clientArguments: Arguments
}

export type Method = ClientMethod | ServerMethod

export interface LogEntry {
  readonly severity: 'error' | 'warning' | 'notice' | 'info' | 'debug'
  readonly message: string
}

/** STATUS of PT 1.0: its pairs, `TRANSPORT` or `TYPE` among them. */
export type StatusEntry = Readonly<Record<string, string>>

/** How a child ended: the last lines that it wrote, 20 at most, for people. */
export interface PtExit extends ChildExit {
  readonly lastLines: readonly string[]
}

export interface PtProcessEvents {
  log: [entry: LogEntry]
  status: [status: StatusEntry]
  /** A line that is none of the grammar's; from standard error, every line but the errors. */
  line: [line: string, stream: 'stdout' | 'stderr']
  /** The child has died by itself: what it carried is cut off. 'exit' follows, when its last lines are read. */
  died: [exit: Pick<ChildExit, 'code' | 'signal'>]
  /** The child ended by itself. 'restart' follows, or 'close' if it is not to be started again. */
  exit: [exit: PtExit]
  /** Another child is started in so many ms, for the so many-th time in a row. */
  restart: [delayMs: number, attempt: number]
  /** Another child is ready; its methods have other ports. */
  ready: []
  /** It could not be started again: the reason, PtError PT_HOST_*. 'close' follows. */
  error: [error: Error]
  /** No child is left and none will be started. Comes once. */
  close: []
}

/** A running PT process and its supervision. */
export interface PtProcess extends EventEmitter<PtProcessEvents> {
  readonly role: 'client' | 'server'
  /** The version of the IPC that the child chose, as it spelled it. */
  readonly version: string
  readonly pid: number | undefined
  /** Whether no child is left and none will be started. */
  readonly closed: boolean
  /** What the child offers now; empty while it is being started again. */
  readonly methods: ReadonlyMap<string, Method>
  /** Transports that failed, with the child's text. */
  readonly failures: ReadonlyMap<string, string>
  /** This process's role as a Transport; its other factory throws PT_HOST_ROLE. Throws PT_TRANSPORT_UNKNOWN for one that it does not offer. */
  transport(name: string): Transport
  /** Has this program live as long as the process and its restarts; it does from the start on. */
  ref(): this
  /** Lets this program end before the process, which then ends by its closed input. What goes through the process keeps this program alive by itself, and so does a stop under way. */
  unref(): this
  /** Ends the child in three steps: closed input, SIGTERM after 5 s, SIGKILL after 5 more. Resolves with how it ended; idempotent. */
  stop(): Promise<PtExit>
}
