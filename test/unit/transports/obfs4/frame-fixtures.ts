import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { frameKernel } from '../../../../src/crypto/frame-kernel.ts'
import type { FrameDecoder, FrameEncoder } from '../../../../src/transports/obfs4/frame-format.ts'
import { KernelFrameDecoder, KernelFrameEncoder } from '../../../../src/transports/obfs4/framing-kernel.ts'
import { PortableFrameDecoder, PortableFrameEncoder } from '../../../../src/transports/obfs4/framing-portable.ts'
import { type Random, uniformInteger } from '../../../../src/util/random.ts'

/** One way to do the framing. */
export interface Implementation {
  readonly name: string
  readonly encoder: (key: Uint8Array, counter?: bigint) => FrameEncoder
  readonly decoder: (key: Uint8Array, counter?: bigint) => FrameDecoder
}

/** A random source that repeats, as long as tests want; the key stream of AES-128-CTR under the number `seed`. */
export class SeededRandom implements Random {
  readonly #stream

  constructor(seed: number) {
    const key = Buffer.alloc(16)
    key.writeUInt32LE(seed)
    this.#stream = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  }

  fill<Bytes extends Uint8Array>(target: Bytes): Bytes {
    target.set(this.#stream.update(new Uint8Array(target.length)))
    return target
  }

  integer(min: number, max: number): number {
    return uniformInteger(this, min, max)
  }

  bytes(length: number): Buffer {
    return this.fill(Buffer.alloc(length))
  }
}

const kernel = frameKernel()
if (kernel === undefined) throw new Error('this platform has no WebAssembly SIMD')

export const kernelFraming: Implementation = {
  name: 'kernel',
  encoder: (key, counter) => new KernelFrameEncoder(kernel, key, counter),
  decoder: (key, counter) => new KernelFrameDecoder(kernel, key, new SeededRandom(7), counter),
}

export const portableFraming: Implementation = {
  name: 'portable',
  encoder: (key, counter) => new PortableFrameEncoder(key, counter),
  decoder: (key, counter) => new PortableFrameDecoder(key, new SeededRandom(7), counter),
}

export const implementations: readonly Implementation[] = [kernelFraming, portableFraming]

/** A frame of test/vectors/obfs4.json; payload and frame are hex. */
interface FrameVector {
  readonly type: number
  readonly payload: string
  readonly pad: number
  readonly frame: string
}

/** The frames of both directions and the key material they are made with. */
export const vectors = JSON.parse(
  readFileSync(new URL('../../../vectors/obfs4.json', import.meta.url), 'utf8'),
) as Readonly<Record<'serverFrames' | 'clientFrames', readonly FrameVector[]>> & {
  readonly handshake: { readonly okm144: string }
}

/** What we use of sodium-native, which has no types. */
interface Sodium {
  crypto_secretbox_easy(box: Buffer, message: Buffer, nonce: Buffer, key: Buffer): void
}

export const sodium = createRequire(import.meta.url)('sodium-native') as Sodium
