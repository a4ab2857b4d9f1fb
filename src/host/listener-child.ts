import { isIPv6 } from 'node:net'
import { PtError } from '../core/errors.ts'
import type { Log } from '../core/log.ts'
import type { Acceptor, Binder, BoundAddress, ListenAddress, Platform } from '../core/platform.ts'
import { codeOf } from '../core/traffic.ts'
import type { Arguments, ServerProtocol, ServerSession } from '../core/transport.ts'
import type { DescribedClient } from '../proxy/extended-orport-server.ts'
import { type ApplicationPort, type ApplicationPortPlace, openApplicationPort } from './application-port.ts'
import { awaitMethod } from './await-method.ts'
import { ChildWatch } from './child-watch.ts'
import { PassThroughCodec } from './pass-through-codec.ts'
import type { PtProcess, ServerMethod } from './pt-process.ts'

/** Says whether a client may come in. */
export type Admission = (client: DescribedClient) => boolean | Promise<boolean>

/** Where the server child of one listener comes from. */
export interface ServerSource {
  /** Where the child's application server is to be. */
  readonly place: ApplicationPortPlace
  /** Gives the child, once that is there. Rejects with the signal's reason when it aborts before. */
  start(port: ApplicationPort, signal: AbortSignal | undefined): Promise<PtProcess>
  /** Lets go of the child, after the last connection. */
  end(process: PtProcess): Promise<unknown>
  /** Says whether this program is to live for the child's sake; absent where the child is not the listener's. */
  setRef?(process: PtProcess, ref: boolean): void
}

export interface ListenerChildParameters {
  readonly name: string
  readonly platform: Platform
  readonly log: Log
  readonly admit?: Admission | undefined
  readonly source: ServerSource
}

/** The server child of one listener, as that listener's protocol, session and binder. */
export class ListenerChild implements ServerProtocol, ServerSession, Binder {
  readonly #parameters: ListenerChildParameters
  readonly #watch: ChildWatch
  readonly #onReady = (): void => this.#takeMethod()
  readonly #onError = (error: Error): void => void (this.#failure = error)
  readonly #onClose = (): void =>
    this.#fail(this.#failure ?? this.#watch.reason ?? new PtError('PT_HOST_EXITED', 'The PT process was stopped'))
  #port: ApplicationPort | undefined
  #process: PtProcess | undefined
  #method: ServerMethod | undefined
  #failure: Error | undefined
  #fail: (error: Error) => void = () => {}

  constructor(parameters: ListenerChildParameters) {
    this.#parameters = parameters
    this.#watch = new ChildWatch(parameters.platform.clock)
  }

  /** What the child tells of itself; none before it is there. */
  get clientArguments(): Arguments {
    return this.#method?.clientArguments ?? {}
  }

  open(): Promise<ServerSession> {
    return Promise.resolve(this)
  }

  codec(): PassThroughCodec {
    return new PassThroughCodec(this.#watch)
  }

  /** Opens the application port, then launches the child, which listens on the address that its source has been made for. */
  async bind(_address: ListenAddress, { onStream, onError, signal }: Parameters<Binder['bind']>[1]): Promise<Acceptor> {
    const { name, platform, source, log } = this.#parameters
    const handlers = {
      onClient: onStream,
      admit: (client: DescribedClient) => this.#admit(client),
      onRefused: (error: Error) => log('handshake:failed', codeOf(error)),
      onError: (error: Error) => this.#fail(error),
    }
    this.#port = await openApplicationPort(source.place, handlers, platform)
    const process = await source.start(this.#port, signal)
    this.#process = process
    this.#watch.follow(process)
    process.on('ready', this.#onReady).on('error', this.#onError).on('close', this.#onClose)
    this.#method = await awaitMethod(process, { name, kind: 'server' }, signal ?? new AbortController().signal)
    this.#fail = onError
    return this.#createAcceptor(this.#port)
  }

  /** Ends the child; also when it could not be bound. */
  async close(): Promise<void> {
    this.#fail = () => {}
    try {
      if (this.#process !== undefined) await this.#release(this.#process)
    } finally {
      await this.#port?.close()
    }
  }

  async #release(process: PtProcess): Promise<void> {
    await this.#parameters.source.end(process)
    process.off('ready', this.#onReady).off('error', this.#onError).off('close', this.#onClose)
    this.#watch.release(process)
  }

  /** A child that says another name is not asked for, whatever it does. */
  async #admit(client: DescribedClient): Promise<boolean> {
    const { name, admit } = this.#parameters
    if (client.transport !== undefined && client.transport !== name) return false
    return admit === undefined || (await admit(client))
  }

  #takeMethod(): void {
    const method = this.#process?.methods.get(this.#parameters.name)
    if (method?.kind === 'server') this.#method = method
  }

  #createAcceptor(port: ApplicationPort): Acceptor {
    const address = (): BoundAddress => {
      const { host, port: number } = this.#method!.address
      return { address: host, family: isIPv6(host) ? 'IPv6' : 'IPv4', port: number }
    }
    return {
      get address() {
        return address()
      },
      // The child cannot stop listening without its connections: whoever comes to it from now on finds no application.
      close: () => port.stopAccepting(),
      ref: () => this.#setRef(port, true),
      unref: () => this.#setRef(port, false),
    }
  }

  #setRef(port: ApplicationPort, ref: boolean): void {
    port.setRef(ref)
    if (this.#process !== undefined) this.#parameters.source.setRef?.(this.#process, ref)
  }
}
