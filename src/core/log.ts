import { channel } from 'node:diagnostics_channel'
import type { Logger } from './transport.ts'

/** Everything that is told: each is published on the diagnostics channel `pluggable-transports:<event>` and handed to the Logger. */
export const EVENT_LEVELS = {
  'connection:open': 'debug',
  'connection:close': 'debug',
  'connection:error': 'debug',
  'handshake:failed': 'debug',
  'listener:open': 'info',
  'listener:close': 'info',
  'listener:drop': 'warn',
  'options:ignored': 'debug',
  'tls:imitation-ignored': 'warn',
  'site:none': 'warn',
  'key-pool:empty': 'debug',
  'state:identity-differs': 'warn',
  'replay-filter:memory-only': 'warn',
  'replay-filter:error': 'error',
  'ticket-store:error': 'warn',
} as const satisfies Record<string, keyof Logger>

export type EventName = keyof typeof EVENT_LEVELS

/** Tells an event of one transport. Fields hold no address, key or secret. */
export type Log = (event: EventName, fields?: object) => void

const createTransportTeller = createTellers(EVENT_LEVELS)

/** Makes the Log of one factory. */
export function createLog(transport: string, logger: Logger = {}): Log {
  return createTransportTeller({ transport }, logger)
}

/** Makes a teller whose every message has `common`'s fields too. */
type CreateTeller<Event> = (common: object, logger: Logger) => (event: Event, fields?: object) => void

/** Makes tellers of a set of events: each is published on the channel `pluggable-transports:<event>`, and a Logger hears it at its level. */
export function createTellers<Event extends string>(
  levels: Readonly<Record<Event, keyof Logger>>,
): CreateTeller<Event> {
  const channels = new Map(
    (Object.keys(levels) as Event[]).map((event) => [event, channel(`pluggable-transports:${event}`)]),
  )
  return (common, logger) => (event, fields) => {
    const told = channels.get(event)!
    const tell = logger[levels[event]]
    if (!told.hasSubscribers && tell === undefined) return
    const message = Object.freeze({ ...common, ...fields })
    told.publish(message)
    try {
      tell?.call(logger, event, message)
    } catch (error) {
      // As a diagnostics channel does with a subscriber's: it must not end what only told of itself.
      process.nextTick(() => {
        throw error
      })
    }
  }
}
