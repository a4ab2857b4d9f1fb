import type { Connection } from '../core/connection.ts'
import { DEFAULT_LIMITS } from '../core/limits.ts'
import type { Listener } from '../core/listener.ts'
import type { ByteStream, Clock, Datagrams, Dialer, TcpAddress } from '../core/platform.ts'
import type { Logger } from '../core/transport.ts'
import { unlessAborted } from '../util/unless-aborted.ts'
import { dialInTurn } from './dial-in-turn.ts'
import { relay } from './relay.ts'
import { relayTargetPackets } from './target-packet-relay.ts'
import { resolveTarget, type TargetRules } from './target-resolver.ts'

/** How long a connection to a target is kept without a byte either way, in ms. */
export const TARGET_IDLE_MS = 300_000
/** Addresses of a name that are tried, one after the other, each but the last for a part of the time. */
export const MAX_TARGET_ATTEMPTS = 4

export interface TargetRelayParameters extends TargetRules {
  readonly dialer: Dialer
  readonly datagrams: Datagrams
  readonly clock: Clock
  /** Limit of looking up and dialling a target; 30 s. In ms. */
  readonly dialTimeoutMs?: number
  /** TARGET_IDLE_MS unless told otherwise. */
  readonly idleTimeoutMs?: number
  readonly logger?: Logger
}

/**
 * Brings every client of a listener to the target that it asks for: byte streams by TCP, packets by UDP. Targets are resolved once, and refused unless they are of the public Internet. The
 * listener's `allowHalfOpen` says whether ends are passed on one by one. A client whose target cannot be reached is let go.
 */
export function relayToTargets(listener: Listener, parameters: TargetRelayParameters): void {
  listener.on('connection', (connection) => void relayConnection(connection, parameters))
  listener.on('packets', (packets) => relayTargetPackets(packets, parameters))
}

async function relayConnection(connection: Connection, parameters: TargetRelayParameters): Promise<void> {
  const { clock, logger, idleTimeoutMs = TARGET_IDLE_MS } = parameters
  const leaving = new AbortController()
  const onClose = (): void => leaving.abort(new Error('the client has left'))
  // What fails here is told where the connection was made.
  connection.on('error', () => {})
  connection.once('close', onClose)
  let stream: ByteStream
  try {
    if (connection.target === undefined)
      throw Object.assign(new Error('no target is asked for'), { code: 'EDESTADDRREQ' })
    stream = await reach(connection.target, leaving, parameters)
  } catch (error) {
    logger?.debug?.('target:unreachable', { code: error instanceof Error && 'code' in error ? error.code : undefined })
    connection.destroy()
    return
  }
  connection.off('close', onClose)
  connection.setTimeout(idleTimeoutMs, () => connection.destroy())
  await relay(connection, stream, { clock })
}

/** Resolves and dials within one limit. */
async function reach(
  { host, port }: TcpAddress,
  leaving: AbortController,
  parameters: TargetRelayParameters,
): Promise<ByteStream> {
  if (port === 0) throw Object.assign(new Error('The target has no port'), { code: 'EADDRNOTAVAIL' })
  const { dialer, clock, dialTimeoutMs = DEFAULT_LIMITS.dialTimeoutMs } = parameters
  const { signal } = leaving
  const timeout = Object.assign(new Error('The target did not answer in time'), { code: 'ETIMEDOUT' })
  const timer = clock.setTimer(() => leaving.abort(timeout), dialTimeoutMs, { ref: false })
  try {
    const addresses = await unlessAborted(resolveTarget(host, parameters), signal)
    const hosts = addresses.slice(0, MAX_TARGET_ATTEMPTS)
    return await dialInTurn({ hosts, port, dialerFor: () => dialer, clock, signal })
  } finally {
    timer.cancel()
  }
}
