import type { TcpAddress } from '../../core/platform.ts'
import type { Arguments } from '../../core/transport.ts'

/** What a host under test is asked to launch. Times in ms. */
export interface HostLaunch {
  readonly command: string
  readonly args: readonly string[]
  readonly role: 'client' | 'server'
  readonly transports: readonly string[]
  readonly stateDir: string
  readonly versions: readonly string[]
  readonly proxy?: string
  /** Where a server's transports are to listen, by name; wherever it likes for those not named. */
  readonly bind?: Readonly<Record<string, TcpAddress>>
  /** The application server of a server; one of the two is there. */
  readonly orPort?: TcpAddress
  readonly extendedOrPort?: { readonly address: TcpAddress; readonly cookieFile: string }
  /** The launch fails when the methods are not there by then. */
  readonly startTimeoutMs: number
  /** After so long the next step of a stop is taken. */
  readonly stopTimeoutMs: number
  /** A child that ends is not started again. */
  readonly restart: false
}

/** A process that the host has launched. */
export interface HostedProcess {
  /** By transport: where it listens, and what a server's clients need. */
  readonly methods: ReadonlyMap<string, { readonly address: TcpAddress; readonly clientArguments?: Arguments }>
  /** Resolves when the process is gone. */
  stop(): Promise<unknown>
}

/** A host and how to use it. `launch` of this package is one. */
export interface HostSubject {
  readonly name?: string
  /** Resolves when the methods are known; rejects when there is no use in waiting for them, and leaves no process then. */
  launch(options: HostLaunch): Promise<HostedProcess>
  /** How long the suite waits for each thing that must happen, in ms; 15 s. */
  readonly patienceMs?: number
}
