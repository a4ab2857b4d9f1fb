import { createClientFactory } from '../core/client-factory.ts'
import { PtError } from '../core/errors.ts'
import { createLog } from '../core/log.ts'
import type { ByteStream, Platform } from '../core/platform.ts'
import { parseSettings } from '../core/settings.ts'
import type { Arguments, ClientFactory, ClientProtocol, Destination, FactorySettings } from '../core/transport.ts'
import { packetFramings } from '../platform/define-transport.ts'
import { systemPlatform } from '../platform/index.ts'
import { dialPtSocks } from '../proxy/pt-socks-client.ts'
import { awaitMethod } from './await-method.ts'
import type { ChildWatch } from './child-watch.ts'
import { PassThroughCodec } from './pass-through-codec.ts'
import type { ClientMethod, PtProcess } from './pt-process.ts'
import type { TextOptions } from './text-options.ts'

/** Default limit of a dial through a child: its start (30 s), its own dial (30 s) and its handshake (60 s); in ms. */
export const HOST_DIAL_TIMEOUT_MS = 120_000

/** Where the client child comes from. */
export interface ClientSource {
  readonly watch: ChildWatch
  /**
   * Gives the child that is there, or one that it launches, to what dials through it, and counts the stream among its connections. Rejects with what the launch or
   * `dial` rejects with, or the signal's reason.
   */
  dialThrough(dial: (process: PtProcess) => Promise<ByteStream>, signal: AbortSignal): Promise<ByteStream>
}

export interface ClientAdapterParameters {
  readonly name: string
  readonly schema: TextOptions
  readonly source: ClientSource
  readonly options: Arguments
  readonly settings: FactorySettings | undefined
}

/**
 * Makes a Client Factory whose connections go through the SOCKS port of a client child. Nothing is started before the first connect().
 * Throws PT_OPTION_UNKNOWN or PT_OPTION_INVALID for bad settings.
 */
export function createClientAdapter(parameters: ClientAdapterParameters): ClientFactory {
  const { name, schema, source, options } = parameters
  const settings = { dialTimeoutMs: HOST_DIAL_TIMEOUT_MS, ...parseSettings(parameters.settings) }
  const platform = settings.platform ?? systemPlatform
  return createClientFactory({
    transport: name,
    schema,
    options,
    openProtocol: () => createProtocol(name, source, platform),
    environment: Object.freeze({ platform, log: createLog(name, settings.logger) }),
    settings,
    framings: packetFramings,
  })
}

function createProtocol(name: string, source: ClientSource, { dialer }: Platform): ClientProtocol<Arguments> {
  return {
    codec: () => new PassThroughCodec(source.watch),
    async dial({ address }: Destination, args: Arguments, signal: AbortSignal): Promise<ByteStream> {
      if ('path' in address) throw new PtError('PT_ADDRESS_INVALID', 'A PT process cannot be asked for a UNIX socket')
      return await source.dialThrough(async (process) => {
        const method = await awaitMethod(process, { name, kind: 'client' }, signal)
        const port = { version: socksVersion(method), address: method.address }
        return await dialPtSocks(port, { destination: address, arguments: args }, { dialer, signal })
      }, signal)
    },
  }
}

function socksVersion({ protocol, transport }: ClientMethod): 'socks4' | 'socks5' {
  if (protocol === 'socks4' || protocol === 'socks5') return protocol
  throw new PtError('PT_HOST_FAILED', `The PT process offers the transport ${transport} by ${protocol}, not by SOCKS`)
}
