import type { PacketConnection } from '../core/packets.ts'
import type { Logger } from '../core/transport.ts'
import { FailureStreak } from './failure-streak.ts'

/**
 * Makes what looks at every packet connection of one method for bytes that are not of its framing: nothing on the wire tells the peer's mode, so this
 * is all that an operator sees of two ends in different ones.
 */
export function createFramingWatch(logger: Logger): (connection: PacketConnection) => void {
  const mismatches = new FailureStreak('dispatcher:framing-invalid', logger)
  return (connection) => {
    connection.once('message', () => mismatches.succeeded())
    connection.once('error', (error) => {
      if ('code' in error && error.code === 'PT_FRAMING_INVALID')
        mismatches.failed({ code: error.code, hint: 'both ends must run in the same -mode' })
    })
  }
}
