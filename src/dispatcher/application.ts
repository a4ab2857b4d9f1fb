import type { Connection } from '../core/connection.ts'
import { PtError } from '../core/errors.ts'
import { DEFAULT_LIMITS } from '../core/limits.ts'
import type { ByteStream, Platform } from '../core/platform.ts'
import type { ApplicationServer, ProxyMode } from '../ipc/config.ts'
import { dialExtendedOrPort } from '../proxy/extended-orport.ts'
import type { PacketRelayOptions } from '../proxy/packet-relay.ts'
import { dialWithin, openWithin } from './dial-within.ts'

/** More than the 64 bytes of a cookie file: what is longer is told from one. */
const MOST_COOKIE_FILE_LENGTH = 65

/** Dials the application server for one client; rejects as Dialer does, or as dialExtendedOrPort(). The stream is the caller's. */
export type ApplicationDialer = (client: Connection, signal: AbortSignal) => Promise<ByteStream>

export interface ApplicationParameters {
  readonly application: ApplicationServer
  /** The PT name, which the Extended ORPort is told. */
  readonly transport: string
  readonly platform: Platform
  readonly readFile: (path: string, mostLength: number) => Promise<Buffer>
}

/** Makes what dials the application server of a PT server: plainly within 30 s, or through tor's Extended ORPort within 5 s. */
export function createApplicationDialer({
  application,
  transport,
  platform,
  readFile,
}: ApplicationParameters): ApplicationDialer {
  if (application.kind === 'plain')
    return (_client, signal) => dialWithin(platform, application.address, { signal, ...createLimit() })
  const { address, cookieFile } = application
  const orPort = { address, readCookieFile: () => readFile(cookieFile, MOST_COOKIE_FILE_LENGTH) }
  return ({ remoteAddress, remotePort }, signal) =>
    dialExtendedOrPort(orPort, { transport, remoteAddress, remotePort }, platform, signal)
}

/**
 * Makes what opens a UDP socket to the application server of a PT server, within 30 s: looking its name up takes time. Throws for the Extended
 * ORPort, which takes streams.
 */
export function createApplicationOpener(
  application: ApplicationServer,
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

function createLimit(): { readonly limitMs: number; readonly timeout: Error } {
  const limitMs = DEFAULT_LIMITS.dialTimeoutMs
  return {
    limitMs,
    timeout: new PtError('PT_DIAL_TIMEOUT', `The application server did not answer within ${limitMs} ms`),
  }
}
