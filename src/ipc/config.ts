import type { TcpAddress } from '../core/platform.ts'
import type { Arguments } from '../core/transport.ts'
import type { IpcVersion } from './version.ts'

/** How applications reach the client, and what is carried: as -mode spells it and CMETHOD prints it. */
export type ProxyMode = 'socks5' | 'transparent-TCP' | 'transparent-UDP' | 'STUN'

/** Which LOG lines the parent gets: those of this level and above. */
export type IpcLogLevel = 'NONE' | 'ERROR' | 'WARN' | 'INFO' | 'DEBUG'

/** Which entries the log file gets. */
export type LogFileLevel = Exclude<IpcLogLevel, 'NONE'>

/** A transport that the parent asks for; whether it is known is not judged here. */
export interface RequestedTransport {
  readonly name: string
  /** Its options as texts, not checked: takeServerAddress(), then its OptionsSchema, with errors for its *METHOD-ERROR. */
  readonly arguments: Arguments
  /** What is wrong with the text that its options were taken from, for its *METHOD-ERROR; no option is repeated. */
  readonly optionsProblem?: string
}

/** A transport that a server is asked for, and the address it listens on: an IP address, port 0 for one that the system chooses. */
export interface RequestedServerTransport extends RequestedTransport {
  readonly bind: TcpAddress
}

/** Source addresses of outgoing connections, IPv6 without brackets; to be ignored towards loopback (PT 1.0 §3.2.1). */
export interface OutboundAddresses {
  readonly v4?: string
  readonly v6?: string
}

export interface CommonConfig {
  readonly version: IpcVersion
  /** The state directory as given, relative to the current directory; `.` when none was given. */
  readonly stateLocation: string
  readonly exitOnStdinClose: boolean
  readonly mode: ProxyMode
  readonly outbound: OutboundAddresses
  readonly ipcLogLevel: IpcLogLevel
  /** The level of the log file in the state directory; undefined for none. */
  readonly logFileLevel: LogFileLevel | undefined
  /** How long a packet mode keeps a connection without a packet either way, in ms. */
  readonly udpIdleTimeoutMs: number
  /** Leaves addresses and arguments in logs. */
  readonly unsafeLogging: boolean
}

/** What a client is asked to do. */
export interface ClientConfig extends CommonConfig {
  readonly role: 'client'
  /** In the order asked for, each name once, at least one. */
  readonly transports: readonly RequestedTransport[]
  /** Where the application's side listens, for each transport; 127.0.0.1 port 0 unless told otherwise. */
  readonly listen: TcpAddress
  /** The PT server of -target, for connections whose arguments and transport's options name none; a host name is allowed. */
  readonly target: TcpAddress | undefined
  /** Packets of one application that a packet mode keeps until its connection is there; with 0 they are dropped (PT 3.0 §1.5.4). */
  readonly udpQueue: number
  /** The URI as given: it is judged after VERSION, for PROXY DONE or PROXY-ERROR. */
  readonly upstreamProxy: string | undefined
}

/** Where a server takes its connections to. Hosts may be names only in `plain`. */
export type ApplicationServer =
  | { readonly kind: 'plain'; readonly address: TcpAddress }
  | { readonly kind: 'extended-orport'; readonly address: TcpAddress; readonly cookieFile: string }

/** What a server is asked to do. */
export interface ServerConfig extends CommonConfig {
  readonly role: 'server'
  /** In the order asked for, each name once, at least one. */
  readonly transports: readonly RequestedServerTransport[]
  readonly application: ApplicationServer
}

/** All that environment and flags ask for, checked and frozen, but for the upstream proxy and the settings of single transports. */
export type DispatcherConfig = ClientConfig | ServerConfig
