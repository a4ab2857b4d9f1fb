import { once } from 'node:events'
import { type Socket, connect } from 'node:net'
import { readExactly } from './read-exactly.ts'

const VERSION = 5
const AUTH_VERSION = 1
const USERNAME_PASSWORD = 2
const MAX_FIELD_LENGTH = 255
const REPLY_LENGTH = 10

/** A reply of a PT client that is not success. */
export class SocksRefusal extends Error {
  readonly reply: number

  constructor(reply: number) {
    super(`the SOCKS server answered ${reply}`)
    this.reply = reply
  }
}

/**
 * Connects to 127.0.0.1:`port` through a PT client's SOCKS listener, with PT arguments in the username and password fields. The socket
 * is paused, half-open, and the caller's. Rejects with SocksRefusal when the answer is not success.
 */
export async function connectThroughSocks(
  socksPort: number,
  port: number,
  args: Readonly<Record<string, string>>,
): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: socksPort, allowHalfOpen: true })
  try {
    await once(socket, 'connect')
    socket.write(Buffer.of(VERSION, 1, USERNAME_PASSWORD))
    expectBytes(await readExactly(socket, 2), [VERSION, USERNAME_PASSWORD])
    socket.write(socksAuthentication(args))
    expectBytes(await readExactly(socket, 2), [AUTH_VERSION, 0])
    socket.write(Buffer.of(VERSION, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 0xff))
    const reply = await readExactly(socket, REPLY_LENGTH)
    if (reply[1] !== 0) throw new SocksRefusal(reply[1]!)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** The message of RFC 1929 that carries PT arguments in its two fields. */
export function socksAuthentication(args: Readonly<Record<string, string>>): Buffer {
  const escape = (text: string): string => text.replace(/[\\;=]/g, '\\$&')
  const pairs = Object.entries(args).map(([name, value]) => `${escape(name)}=${escape(value)}`)
  const text = Buffer.from(pairs.join(';'))
  const username = text.subarray(0, MAX_FIELD_LENGTH)
  const password = text.length > MAX_FIELD_LENGTH ? text.subarray(MAX_FIELD_LENGTH) : Buffer.of(0)
  const lengthOf = (field: Buffer): Buffer => Buffer.of(field.length)
  return Buffer.concat([Buffer.of(AUTH_VERSION), lengthOf(username), username, lengthOf(password), password])
}

function expectBytes(actual: Buffer, expected: readonly number[]): void {
  if (!actual.equals(Buffer.from(expected))) throw new Error(`unexpected SOCKS bytes ${actual.toString('hex')}`)
}
