import type { Codec, Step } from '../core/codec.ts'
import { NOTHING } from '../core/codec.ts'
import { defineOptions } from '../core/options.ts'
import type { DatagramCodec } from '../core/packets.ts'
import { defineTransport } from '../platform/define-transport.ts'

/** Passes bytes on as they are; established at once. */
class PlainCodec implements Codec {
  start(): Step {
    return { established: true }
  }

  receive(bytes: Uint8Array): Step {
    return { data: Buffer.from(bytes) }
  }

  send(chunks: readonly Uint8Array[]): Step {
    return { wire: [{ bytes: Buffer.concat(chunks) }] }
  }

  finish(): Step {
    return NOTHING
  }
}

/** Goes before each packet of `plainDatagrams`, so that there is something for a server not to recognise. */
const TAG = 0x50
/** The longest payload of UDP over IPv4, less the tag. */
const MAX_PACKET_LENGTH = 65_506

/** One tag byte, then the packet. */
class PlainDatagramCodec implements DatagramCodec {
  seal(packet: Uint8Array): Uint8Array | 'too-long' {
    if (packet.byteLength > MAX_PACKET_LENGTH) return 'too-long'
    return Buffer.concat([Buffer.of(TAG), packet])
  }

  open(datagram: Uint8Array): Buffer | undefined {
    return datagram[0] === TAG ? Buffer.from(datagram.subarray(1)) : undefined
  }
}

const options = defineOptions('plain', {})

/** The identity transport, for tests: what is written is what travels. It hides nothing and is in no registry. */
export const plain = defineTransport({
  name: 'plain',
  clientOptions: options,
  serverOptions: options,
  openClient: () => ({ codec: () => new PlainCodec() }),
  openServer: () => ({
    open: () => Promise.resolve({ clientArguments: {}, codec: () => new PlainCodec(), close: () => Promise.resolve() }),
  }),
})

/** The same with datagrams of its own, for tests of those: each packet is a datagram, after one byte that tells it from a stranger's. */
export const plainDatagrams = defineTransport({
  name: 'plain_datagrams',
  clientOptions: options,
  serverOptions: options,
  openClient: () => ({ codec: () => new PlainCodec(), datagrams: () => new PlainDatagramCodec() }),
  openServer: () => ({
    hasDatagrams: true,
    open: () =>
      Promise.resolve({
        clientArguments: {},
        codec: () => new PlainCodec(),
        datagrams: () => new PlainDatagramCodec(),
        close: () => Promise.resolve(),
      }),
  }),
})
