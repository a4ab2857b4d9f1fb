import type { Listener } from '../../core/listener.ts'
import type { ClientFactory, FactorySettings, ServerFactory } from '../../core/transport.ts'

/** What a transport promises. */
export interface Traits {
  /** What was altered on the way is never delivered: the connection fails instead. */
  readonly integrity: boolean
  /** A client is open only once the server has answered. */
  readonly handshake: boolean
  /** A server sends no byte to who does not know its secret (a replay included), and ends such streams with FIN, all at one time. */
  readonly silent: boolean
  /** Each direction ends on its own. */
  readonly halfClose: boolean
  /** The server's application may send before the client's has. Otherwise an empty write makes the client introduce itself. */
  readonly serverSpeaksFirst: boolean
  /** Packets travel in datagrams of its own, too. Not promised unless declared. */
  readonly datagrams: boolean
  /** Strangers are answered by something else before they reach the transport, and take no place among its handshakes. Not promised unless declared. */
  readonly front: boolean
  /** Streams are carried by something that adds bytes of its own (TLS), which a Connection does not count. Not promised unless declared. */
  readonly carrier: boolean
}

/** What the suite needs of a Transport: every Transport is one. */
export interface FactorySource<ClientOptions, ServerOptions> {
  readonly name: string
  client(options: ClientOptions, settings?: FactorySettings): ClientFactory
  server(options: ServerOptions, settings?: FactorySettings): ServerFactory
}

/** A transport and how to set it up for the suite. A trait that is not declared counts as promised, but for `datagrams`, `front` and `carrier`. */
export interface ConformanceSubject<ClientOptions, ServerOptions> {
  readonly transport: FactorySource<ClientOptions, ServerOptions>
  /** Options of a client; or a function that makes them for a listener, from its clientArguments. */
  readonly client: NoInfer<ClientOptions> | ((listener: Listener) => NoInfer<ClientOptions>)
  /** Options of a server; or a function that makes them anew for each server. With them it keeps no files. */
  readonly server: NoInfer<ServerOptions> | (() => NoInfer<ServerOptions>)
  readonly traits?: Partial<Traits>
}

/** Defines tests: `describe` and `it` of node:test, or what has their shape. */
export interface Runner {
  readonly describe: (title: string, define: () => void) => unknown
  readonly it: (title: string, test: () => Promise<void>) => unknown
}

/** The subject as the suite uses it. */
export interface Subject {
  readonly name: string
  readonly traits: Traits
  server(settings: FactorySettings): ServerFactory
  client(listener: Listener, settings: FactorySettings): ClientFactory
}

/** The tests of one theme. */
export type Theme = (subject: Subject, runner: Runner) => void

/** Makes the Subject of what the author gave. */
export function makeSubject<ClientOptions, ServerOptions>(
  given: ConformanceSubject<ClientOptions, ServerOptions>,
): Subject {
  const { transport, client, server, traits } = given
  return {
    name: transport.name,
    traits: {
      integrity: true,
      handshake: true,
      silent: true,
      halfClose: true,
      serverSpeaksFirst: true,
      datagrams: false,
      front: false,
      carrier: false,
      ...traits,
    },
    server: (settings) => transport.server(isMaker<[], ServerOptions>(server) ? server() : server, settings),
    client: (listener, settings) =>
      transport.client(isMaker<[Listener], ClientOptions>(client) ? client(listener) : client, settings),
  }
}

function isMaker<Given extends unknown[], Made>(
  value: Made | ((...given: Given) => Made),
): value is (...given: Given) => Made {
  return typeof value === 'function'
}
