import type { Connection } from '../core/connection.ts'
import { PtError } from '../core/errors.ts'
import { DEFAULT_LIMITS } from '../core/limits.ts'
import type { ByteStream, Platform, TcpAddress } from '../core/platform.ts'
import type { ProxyMode } from '../ipc/config.ts'
import { type ExtendedOrPort, dialExtendedOrPort } from '../proxy/extended-orport.ts'
import type { PacketRelayOptions } from '../proxy/packet-relay.ts'
import { type DialLimits, dialWithin, openWithin } from '../proxy/dial-within.ts'

/** Dials the application server for one client; rejects as Dialer does, or as dialExtendedOrPort(). The stream is the caller's. */
export type ApplicationDialer = (client: Connection, signal: AbortSignal) => Promise<ByteStream>

/** Where the application server is, and how it is spoken to. */
export type Application =
  | { readonly kind: 'plain'; readonly address: TcpAddress }
  | { readonly kind: 'extended-orport'; readonly orPort: ExtendedOrPort }

export interface ApplicationParameters {
  readonly application: Application
  /** The PT name, which the Extended ORPort is told. */
  readonly transport: string
  readonly platform: Platform
}

/** Makes what dials the application server of a PT server: plainly within 30 s, or through tor's Extended ORPort within 5 s. */
export function createApplicationDialer({
  application,
  transport,
  platform,
}: ApplicationParameters): ApplicationDialer {
  if (application.kind === 'plain')
    return (_client, signal) => dialWithin(platform, application.address, { signal, ...createLimit() })
  return ({ remoteAddress, remotePort }, signal) =>
    dialExtendedOrPort(application.orPort, { transport, remoteAddress, remotePort }, platform, signal)
}

/**
 * Makes what opens a UDP socket to the application server of a PT server, within 30 s: looking its name up takes time. Throws for the Extended
 * ORPort, which takes streams.
 */
export function createApplicationOpener(
  application: Application,
  mode: ProxyMode,
  { datagrams, clock }: Pick<Platform, 'datagrams' | 'clock'>,
): PacketRelayOptions['open'] {
  if (application.kind !== 'plain')
    throw new Error(`the Extended ORPort takes streams, and the mode ${mode} has packets`)
  return (handlers, signal) =>
    openWithin(clock, { signal, ...createLimit() }, (bounded) =>
      datagrams.connect(application.address, handlers, { signal: bounded }),
    )
}

function createLimit(): Pick<DialLimits, 'limitMs' | 'makeTimeout'> {
  const limitMs = DEFAULT_LIMITS.dialTimeoutMs
  return {
    limitMs,
    makeTimeout: () => new PtError('PT_DIAL_TIMEOUT', `The application server did not answer within ${limitMs} ms`),
  }
}
