import type { TcpAddress } from '../core/platform.ts'
import type { Arguments, Logger } from '../core/transport.ts'

/** What a PT process is configured with, wherever it runs. Checked before anything is started: PT_OPTION_INVALID names the culprit. */
export interface PtConfiguration {
  readonly transports: readonly string[]
  readonly role: 'client' | 'server'
  /** The child's state directory. */
  readonly stateDir: string
  /** Upstream proxy of a client: http, socks4a or socks5, by URI. The launch fails unless the child confirms it. */
  readonly proxy?: string
  /** Options of a server's transports (TOR_PT_SERVER_TRANSPORT_OPTIONS), by transport. */
  readonly options?: Readonly<Record<string, Arguments>>
  /** Versions of the IPC to offer; 1, 2.1 and 3.0. */
  readonly versions?: readonly string[]
  /**
   * From which level on the child is to send LOG lines. It is told by the flag -ipcLogLevel of PT 2.2 and 3.0, for which there is no variable: a program
   * that takes no flags may refuse to start by it.
   */
  readonly logLevel?: 'NONE' | 'ERROR' | 'WARN' | 'INFO' | 'DEBUG'
  /** Where a server's transports listen, by transport. */
  readonly bind?: Readonly<Record<string, TcpAddress>>
  /** A server's application server. */
  readonly orPort?: TcpAddress
  readonly extendedOrPort?: { readonly address: TcpAddress; readonly cookieFile: string }
  /** Source addresses of the child's connections. */
  readonly outbound?: { readonly v4?: string; readonly v6?: string }
}

/** Limits of supervision; times in ms. */
export interface Supervision {
  /** From the start to the end of the methods; 30 s. */
  readonly startTimeoutMs?: number
  /** Each of the two waits of stop(); 5 s. */
  readonly stopTimeoutMs?: number
  /** Whether a child that ended by itself is started again; true. */
  readonly restart?: boolean
  /** First delay before that, doubled each time, up to a minute; 1 s. A child that was ready for a minute begins anew. */
  readonly restartDelayMs?: number
  /** Starts in a row without one that became ready, after which it is given up; 10. */
  readonly maxRestarts?: number
  readonly logger?: Logger
  readonly signal?: AbortSignal
}

/** What launch() takes. */
export interface LaunchOptions extends PtConfiguration, Supervision {
  readonly command: string
  readonly args?: readonly string[]
  /** Variables added to the inherited environment; undefined takes one away. Every TOR_PT_ variable of either is left out: those are the configuration's. */
  readonly env?: Readonly<Record<string, string | undefined>>
}
