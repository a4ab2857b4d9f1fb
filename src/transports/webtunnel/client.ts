import type { Codec } from '../../core/codec.ts'
import type { Address, ByteStream } from '../../core/platform.ts'
import type { ClientProtocol, Destination, Environment } from '../../core/transport.ts'
import { uniformInteger } from '../../util/random.ts'
import { ADDRESS_TIMEOUT_MS } from './constants.ts'
import type { WebtunnelClientOptions } from './options.ts'
import { ClientTunnelCodec } from './tunnel-codec.ts'
import { encodeRequest } from './upgrade.ts'

const ALPN = ['http/1.1'] as const

/** One Client Factory: dials, puts TLS over the stream where the url says so, and leaves the exchange to the codec. */
export class WebtunnelClient implements ClientProtocol<WebtunnelClientOptions> {
  readonly #environment: Environment
  /** The server name of each connection: TLS and the Host field tell the same. */
  readonly #servernames = new WeakMap<Destination, string>()
  readonly #warned = new Set<string>()

  constructor(environment: Environment) {
    this.#environment = environment
  }

  codec(options: WebtunnelClientOptions, destination: Destination): Codec {
    for (const name of options.ignored) this.#warn(name)
    return new ClientTunnelCodec(encodeRequest(options.url.path, this.#servernameOf(options, destination)))
  }

  async dial(destination: Destination, options: WebtunnelClientOptions, signal: AbortSignal): Promise<ByteStream> {
    const { url, pin, ca } = options
    const stream = await this.#dialFirst(
      options.addresses.length > 0 ? options.addresses : [destination.address],
      signal,
    )
    if (!url.isTls) return stream
    const servername = this.#servernameOf(options, destination)
    return this.#environment.platform.tls.connect(stream, {
      servername,
      alpn: ALPN,
      signal,
      ...(pin !== undefined && { pin }),
      ...(ca !== undefined && { ca }),
    })
  }

  /** Dials the addresses in turn, and each but the last for a while only: one that drops packets must not cost the others their turn. Rejects with the last one's error. */
  async #dialFirst(addresses: readonly Address[], signal: AbortSignal): Promise<ByteStream> {
    const { dialer } = this.#environment.platform
    for (const address of addresses.slice(0, -1)) {
      const stream = await this.#dialAWhile(address, signal).catch(() => undefined)
      if (stream !== undefined) return stream
      signal.throwIfAborted()
    }
    return dialer.dial(addresses.at(-1)!, { signal })
  }

  async #dialAWhile(address: Address, signal: AbortSignal): Promise<ByteStream> {
    const { dialer, clock } = this.#environment.platform
    const ending = new AbortController()
    const timer = clock.setTimer(() => ending.abort(), ADDRESS_TIMEOUT_MS, { ref: false })
    try {
      return await dialer.dial(address, { signal: AbortSignal.any([signal, ending.signal]) })
    } finally {
      timer.cancel()
    }
  }

  #servernameOf({ servernames }: WebtunnelClientOptions, destination: Destination): string {
    const known = this.#servernames.get(destination)
    if (known !== undefined) return known
    const index =
      servernames.length === 1 ? 0 : uniformInteger(this.#environment.platform.random, 0, servernames.length - 1)
    this.#servernames.set(destination, servernames[index]!)
    return servernames[index]!
  }

  #warn(name: string): void {
    if (this.#warned.has(name)) return
    this.#warned.add(name)
    this.#environment.log('tls:imitation-ignored', { name })
  }
}
