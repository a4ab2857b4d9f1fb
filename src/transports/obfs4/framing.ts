import { frameKernel } from '../../crypto/frame-kernel.ts'
import type { Random } from '../../util/random.ts'
import type { FrameDecoder, FrameEncoder } from './frame-format.ts'
import { KernelFrameDecoder, KernelFrameEncoder } from './framing-kernel.ts'
import { PortableFrameDecoder, PortableFrameEncoder } from './framing-portable.ts'

export { encodedLength } from './frame-format.ts'
export { PACKET_TYPE_PRNG_SEED, PRNG_SEED_LENGTH } from './frame-format.ts'
export type { FrameDecoder, FrameEncoder, FrameError } from './frame-format.ts'

/** Makes the encoder of a direction from its 72 bytes of key material, which are copied. Uses the frame kernel where it runs. */
export function createFrameEncoder(key: Uint8Array): FrameEncoder {
  const kernel = frameKernel()
  return kernel === undefined ? new PortableFrameEncoder(key) : new KernelFrameEncoder(kernel, key)
}

/** Makes the decoder of a direction likewise; `random` gives the length that an invalid one is taken for. */
export function createFrameDecoder(key: Uint8Array, random: Random): FrameDecoder {
  const kernel = frameKernel()
  return kernel === undefined ? new PortableFrameDecoder(key, random) : new KernelFrameDecoder(kernel, key, random)
}
