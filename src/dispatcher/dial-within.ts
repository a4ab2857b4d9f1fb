import type { Address, ByteStream, Platform } from '../core/platform.ts'

export interface DialLimits {
  /** Ends the dial, which rejects with its reason. */
  readonly signal: AbortSignal
  readonly limitMs: number
  /** What the dial rejects with after `limitMs`. */
  readonly timeout: Error
}

/** Dials within a time limit. Rejects as Dialer does, or with `timeout`. */
export async function dialWithin(
  { dialer, clock }: Pick<Platform, 'dialer' | 'clock'>,
  address: Address,
  { signal, limitMs, timeout }: DialLimits,
): Promise<ByteStream> {
  signal.throwIfAborted()
  const ending = new AbortController()
  const onAbort = (): void => ending.abort(signal.reason)
  signal.addEventListener('abort', onAbort)
  const timer = clock.setTimer(() => ending.abort(timeout), limitMs)
  try {
    return await dialer.dial(address, { signal: ending.signal })
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', onAbort)
  }
}
