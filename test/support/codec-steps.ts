import type { Codec, Step } from '../../src/core/codec.ts'

const { signal } = new AbortController()

/** Performs the effect of a step, as the Connection does, and returns what settling it gives. */
export async function perform(codec: Codec, { pending }: Step): Promise<Step> {
  try {
    return codec.settle!({ ok: true, value: await pending!(signal) })
  } catch (error) {
    return codec.settle!({ ok: false, error })
  }
}

/** The wire bytes of a step in one piece. */
export function wireOf({ wire = [] }: Step): Buffer {
  return Buffer.concat(wire.map(({ bytes }) => bytes))
}
