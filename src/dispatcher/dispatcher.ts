import type { Datagrams, Dialer, Platform } from '../core/platform.ts'
import type { Registry } from '../core/registry.ts'
import type { Logger, Transport } from '../core/transport.ts'
import type { DispatcherConfig } from '../ipc/config.ts'
import type { LineWriter } from '../ipc/line-writer.ts'

/** What a dispatcher is made of. It knows no process: everything it reaches is here. */
export interface DispatcherParameters {
  readonly config: DispatcherConfig
  /** Where its lines go, from VERSION on. */
  readonly lines: LineWriter
  /** The transports that may be asked for. */
  readonly registry: Registry<Transport>
  readonly platform: Platform
  /** Hears every event, its own ("dispatcher:…") and the transports'; those that the parent asked for go to it as LOG lines besides. */
  readonly logger?: Logger
  /** What STATUS TYPE=version tells, where the version has it. */
  readonly implementation?: { readonly name: string; readonly version: string }
  /** Makes a dialer whose connections come from a local IP address; over node:net unless told otherwise. */
  readonly createDialer?: (localAddress: string) => Dialer
  /** Makes Datagrams whose connected sockets send from a local IP address; over node:dgram unless told otherwise. */
  readonly createDatagrams?: (localAddress: string) => Datagrams
  /** Looks up a host name that is dialled from such an address; resolves with IP addresses. As the system does unless told otherwise. */
  readonly lookup?: (host: string) => Promise<readonly string[]>
  /** Reads a file of at most `mostLength` bytes whole; over node:fs unless told otherwise. */
  readonly readFile?: (path: string, mostLength: number) => Promise<Buffer>
}

/** A dispatcher at work. */
export interface Dispatcher {
  /**
   * Resolves once CMETHODS DONE or SMETHODS DONE is written, even if no transport could start. Rejects with the IpcFailure of an upstream
   * proxy that cannot be used, after its PROXY-ERROR line; nothing listens then.
   */
  readonly ready: Promise<void>
  /** Stops listening; resolves once every connection has ended by itself, or was ended by stop(). */
  drain(): Promise<void>
  /** Stops listening and destroys every connection; resolves once all is closed. */
  stop(): Promise<void>
}
