import type { Codec } from '../../core/codec.ts'
import { PtError } from '../../core/errors.ts'
import type { DatagramCodec } from '../../core/packets.ts'
import type { TcpAddress } from '../../core/platform.ts'
import type { ClientProtocol, Destination, Environment } from '../../core/transport.ts'
import { RecentFilter } from '../../crypto/recent-filter.ts'
import { randomBytes } from '../../util/random.ts'
import { encodeSocksAddress } from '../../wire/socks-address.ts'
import { ClientCodec } from './client-codec.ts'
import type { Secret } from './keys.ts'
import type { ShadowsocksClientOptions } from './options.ts'
import { Opener2017, Sealer2017 } from './stream-2017.ts'
import { createRequestSealer2022, ResponseOpener2022 } from './stream-2022.ts'
import { ClientDatagrams2017 } from './udp-2017.ts'
import { SeparateHeaders } from './udp-2022.ts'
import { ClientDatagrams2022 } from './udp-sessions-2022.ts'

/** What a client asks for that says nothing: a PT server goes to its own application server, whatever it is asked for. */
const NO_TARGET: TcpAddress = Object.freeze({ host: '127.0.0.1', port: 1 })
/** Salts that a Client Factory remembers, its own among them: enough to see its stream come back, as a reflection. */
export const CLIENT_SALT_COUNT = 10_000

/** What the connections of one Client Factory share: the salts of 2017. */
export class ShadowsocksClient implements ClientProtocol<ShadowsocksClientOptions> {
  readonly #environment: Environment
  readonly #salts: RecentFilter

  constructor(environment: Environment) {
    this.#environment = environment
    this.#salts = new RecentFilter(CLIENT_SALT_COUNT, environment.platform.random)
  }

  route({ serverAddress }: ShadowsocksClientOptions, { address, target }: Destination): Destination {
    if (serverAddress === undefined) return { address, target: target ?? NO_TARGET }
    if (target !== undefined)
      throw new PtError('PT_ADDRESS_INVALID', 'Either a target or the option "serverAddress" can be given, not both')
    if ('path' in address) throw new PtError('PT_ADDRESS_INVALID', 'A target is a host and port, not a path')
    return { address: serverAddress, target: address }
  }

  codec({ secret }: ShadowsocksClientOptions, { target }: Destination): Codec {
    const { clock, random } = this.#environment.platform
    const address = encodeTarget(target!)
    const salt = randomBytes(random, secret.method.keyLength)
    if (secret.method.edition === '2022') {
      const world = { now: () => clock.now(), random }
      const sealer = createRequestSealer2022(secret, salt, address, world)
      return new ClientCodec(sealer, new ResponseOpener2022(secret, world, salt), clock)
    }
    this.#salts.insert(salt)
    const insertSalt = (received: Uint8Array): boolean => this.#salts.insert(received)
    const opener = new Opener2017({ secret, hasAddress: false, insertSalt })
    return new ClientCodec(new Sealer2017(secret, salt, address), opener, clock)
  }

  datagrams({ secret }: ShadowsocksClientOptions, { target }: Destination): DatagramCodec {
    const { clock, random } = this.#environment.platform
    encodeTarget(target!)
    if (secret.method.edition === '2022')
      return new ClientDatagrams2022({ secret, headers: headersOf(secret), clock, random }, target!)
    const insertSalt = (salt: Uint8Array): boolean => this.#salts.insert(salt)
    return new ClientDatagrams2017({ secret, random, insertSalt }, target!)
  }
}

const keptHeaders = new WeakMap<Secret, SeparateHeaders>()

/** The headers of one key, made once. */
function headersOf(secret: Secret): SeparateHeaders {
  let headers = keptHeaders.get(secret)
  if (headers === undefined) keptHeaders.set(secret, (headers = new SeparateHeaders(secret)))
  return headers
}

function encodeTarget(target: TcpAddress): Buffer {
  try {
    return encodeSocksAddress(target)
  } catch {
    throw new PtError('PT_ADDRESS_INVALID', "The target's name must have at most 255 bytes")
  }
}
