import type { Codec, Step } from '../core/codec.ts'
import { NOTHING } from '../core/codec.ts'
import { defineOptions } from '../core/options.ts'
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
