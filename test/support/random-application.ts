import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Connection } from '../../src/core/connection.ts'
import { PtError } from '../../src/core/errors.ts'
import { bytes } from './fuzz.ts'

/** Something that an application does to its connection. */
export type Action =
  | { readonly name: 'write' | 'end'; readonly bytes: Buffer }
  | { readonly name: 'setTimeout'; readonly ms: number }
  | {
      readonly name:
        | 'destroy'
        | 'fail'
        | 'reset'
        | 'pause'
        | 'resume'
        | 'read'
        | 'cork'
        | 'uncork'
        | 'soon'
        | 'unref'
        | 'ref'
    }

const large = fc.constantFrom(1427, 16_384, 65_536, 200_000).map((length) => Buffer.alloc(length, length & 0xff))
const named = <Name extends string>(...names: Name[]): fc.Arbitrary<{ readonly name: Name }> =>
  fc.record({ name: fc.constantFrom(...names) })

export const actions: fc.Arbitrary<Action> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ name: fc.constant('write' as const), bytes: fc.oneof(bytes(2000), large) }) },
  { weight: 1, arbitrary: fc.record({ name: fc.constant('end' as const), bytes: bytes(50) }) },
  {
    weight: 1,
    arbitrary: fc.record({ name: fc.constant('setTimeout' as const), ms: fc.constantFrom(0, 1, 50, 70_000) }),
  },
  { weight: 5, arbitrary: named('pause', 'resume', 'read', 'cork', 'uncork', 'unref', 'ref') },
  { weight: 1, arbitrary: named('destroy', 'fail', 'reset', 'soon') },
)

const MOST_HELD_LENGTH = 4 * 65_536

/** Does actions to a connection, and holds it to the rules of a socket. */
export class RandomApplication {
  readonly connection: Connection
  readonly sent: Buffer[] = []
  readonly received: Buffer[] = []
  readonly faults: string[] = []
  ended = false
  endSeen = false
  #writeCount = 0
  #calledBackCount = 0
  #endCallbackCount: number | undefined
  #errorCount = 0
  #closeCount = 0

  constructor(connection: Connection) {
    this.connection = connection
    connection.on('data', (piece: Buffer) => {
      if (this.#closeCount > 0 || this.endSeen) this.faults.push('data after the end')
      this.received.push(Buffer.from(piece))
      if (connection.readableLength > MOST_HELD_LENGTH) this.faults.push(`${connection.readableLength} bytes are held`)
    })
    connection.on('end', () => (this.endSeen = true))
    connection.on('error', (error) => {
      this.#errorCount += 1
      if (this.#closeCount > 0) this.faults.push('an error after close')
      const known = error instanceof PtError || error.message === 'by the application' || 'code' in error
      if (!known || error instanceof TypeError || error instanceof RangeError) this.faults.push(String(error.stack))
    })
    connection.on('close', () => (this.#closeCount += 1))
  }

  do(action: Action): void {
    const { connection } = this
    if (action.name === 'write') this.#write(action.bytes)
    else if (action.name === 'end') this.#end(action.bytes)
    else if (action.name === 'setTimeout') connection.setTimeout(action.ms)
    else if (action.name === 'fail') connection.destroy(new Error('by the application'))
    else if (action.name === 'destroy') connection.destroy()
    else if (action.name === 'reset') connection.resetAndDestroy()
    else if (action.name === 'soon') connection.destroySoon()
    else if (action.name === 'read') connection.read()
    else connection[action.name]()
    if (action.name === 'soon') this.ended = true
    if (connection.readableLength > MOST_HELD_LENGTH) this.faults.push(`${connection.readableLength} bytes are held`)
  }

  /** Asserts what must hold once the connection has closed. */
  check(): void {
    assert.deepEqual(this.faults, [])
    assert.equal(this.#closeCount, 1, 'close comes once')
    assert.ok(this.#errorCount <= 1, 'an error comes once at the most')
    assert.equal(this.#calledBackCount, this.#writeCount, 'every write is called back once')
    if (this.#endCallbackCount !== undefined) assert.equal(this.#endCallbackCount, 1, 'end() is called back once')
  }

  #write(chunk: Buffer): void {
    if (this.ended || this.connection.destroyed) return
    this.#writeCount += 1
    this.sent.push(chunk)
    this.connection.write(chunk, () => (this.#calledBackCount += 1))
  }

  #end(chunk: Buffer): void {
    if (this.ended || this.connection.destroyed) return
    this.ended = true
    this.sent.push(chunk)
    this.#endCallbackCount = 0
    this.connection.end(chunk, () => (this.#endCallbackCount! += 1))
  }
}
