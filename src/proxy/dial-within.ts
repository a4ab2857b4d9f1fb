import type { Address, ByteStream, Clock, Platform } from '../core/platform.ts'

export interface DialLimits {
  /** Ends the dial, which rejects with its reason. */
  readonly signal: AbortSignal
  readonly limitMs: number
  /** Makes what the dial rejects with after `limitMs`: an error with its stack costs as much as a system call, and few dials need one. */
  readonly makeTimeout: () => Error
}

/** Dials within a time limit. Rejects as Dialer does, or with what `makeTimeout` makes. */
export function dialWithin(
  { dialer, clock }: Pick<Platform, 'dialer' | 'clock'>,
  address: Address,
  limits: DialLimits,
): Promise<ByteStream> {
  return openWithin(clock, limits, (signal) => dialer.dial(address, { signal }))
}

/** Opens what takes a signal, within a time limit. Rejects as it does, or with what `makeTimeout` makes. */
export async function openWithin<Opened>(
  clock: Clock,
  { signal, limitMs, makeTimeout }: DialLimits,
  open: (signal: AbortSignal) => Promise<Opened>,
): Promise<Opened> {
  signal.throwIfAborted()
  const ending = new AbortController()
  const onAbort = (): void => ending.abort(signal.reason)
  signal.addEventListener('abort', onAbort)
  const timer = clock.setTimer(() => ending.abort(makeTimeout()), limitMs)
  try {
    return await open(ending.signal)
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', onAbort)
  }
}
