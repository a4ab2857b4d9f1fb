import type { Duplex } from 'node:stream'
import { IdleTimeout } from '../core/idle-timeout.ts'
import { DEFAULT_LIMITS } from '../core/limits.ts'
import type { Clock } from '../core/platform.ts'

export interface RelayOptions {
  readonly clock: Clock
  /** How long the relay goes on without a byte once one direction has ended; 60 s. In ms. */
  readonly lingerMs?: number
}

/** How a relay went. */
export interface RelayResult {
  /** Bytes from the near stream to the far one. */
  readonly sentCount: number
  /** Bytes from the far stream to the near one. */
  readonly receivedCount: number
  /** 'ended': both directions to their FIN. 'lingered': the linger limit was over. 'broken': a stream failed or was destroyed before. */
  readonly outcome: 'ended' | 'lingered' | 'broken'
  /** The error of the stream that failed first. */
  readonly error?: Error
}

type Resettable = Duplex & { resetAndDestroy?(): unknown }

const NOTHING = Buffer.alloc(0)

/** One direction: what `source` delivers goes to `target`, no faster than it takes it. */
class Direction {
  readonly #source: Duplex
  readonly #target: Duplex
  byteCount = 0

  constructor(source: Duplex, target: Duplex, onByte: () => void) {
    this.#source = source
    this.#target = target
    source.on('data', (bytes: Buffer) => {
      if (!target.writable) return
      this.byteCount += bytes.byteLength
      onByte()
      if (!target.write(bytes)) source.pause()
    })
    target.on('drain', () => source.resume())
    // Its reader has gone: what still comes is dropped, so that no unread byte turns the FIN into a reset.
    target.on('close', () => source.resume())
    source.resume()
  }

  /** Whether every byte of the source has been delivered. */
  get ended(): boolean {
    return this.#source.readableEnded
  }

  /** Whether the source failed before it had delivered its end. */
  get truncated(): boolean {
    return this.#source.destroyed && !this.#source.readableEnded
  }

  end(): void {
    if (this.#target.writable) this.#target.end()
  }
}

/** Resets a stream after the bytes that it was given before, so that its peer sees them, and that they are not all. */
function breakOff(stream: Resettable): void {
  const reset = (): void => {
    if (stream.resetAndDestroy === undefined) stream.destroy()
    else stream.resetAndDestroy()
  }
  if (stream.writable && stream.writableLength > 0) stream.write(NOTHING, reset)
  else reset()
}

/**
 * Relays between two streams that are half-open, both owned by the relay from now on, until both directions have ended. The end of
 * a direction is passed on; a stream that breaks off resets the other. Destroying either stream ends the relay. Bytes wait in the
 * streams' own buffers alone. Never rejects; resolves when both streams are closed.
 */
export function relay(near: Duplex, far: Duplex, { clock, lingerMs }: RelayOptions): Promise<RelayResult> {
  return new Promise((resolve) => {
    let outcome: RelayResult['outcome'] = 'ended'
    let failure: Error | undefined
    let openCount = 2
    const linger = new IdleTimeout(clock, () => {
      outcome = 'lingered'
      near.destroy()
      far.destroy()
    })
    const limitLinger = (): void => linger.set(lingerMs ?? DEFAULT_LIMITS.lingerMs)
    const touch = (): void => linger.touch()
    const sent = new Direction(near, far, touch)
    const received = new Direction(far, near, touch)

    const join = (source: Duplex, target: Resettable, direction: Direction): void => {
      const onEnd = (): void => {
        direction.end()
        limitLinger()
      }
      if (source.readableEnded) onEnd()
      else source.on('end', onEnd)
      source.on('error', (error: Error) => {
        failure ??= error
      })
      const onClose = (): void => {
        openCount--
        if (direction.truncated && outcome === 'ended') {
          outcome = 'broken'
          limitLinger()
          breakOff(target)
        }
        if (openCount > 0) return
        linger.set(0)
        const counts = { sentCount: sent.byteCount, receivedCount: received.byteCount }
        resolve({ ...counts, outcome, ...(failure !== undefined && { error: failure }) })
      }
      if (source.closed) onClose()
      else source.on('close', onClose)
    }
    join(near, far, sent)
    join(far, near, received)
  })
}
