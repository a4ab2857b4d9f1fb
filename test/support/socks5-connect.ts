import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { encodeMethods, encodeSocks5Request, METHOD_NONE } from '../../src/wire/socks5.ts'
import type { SocksDestination } from '../../src/wire/socks.ts'
import { readExactly } from './read-exactly.ts'

const REPLY_LENGTH = 10

/** Connects to a destination through a SOCKS5 server of loopback without authentication; destroyed when the test ends. */
export async function connectThroughSocks5(
  test: TestContext,
  socksPort: number,
  destination: SocksDestination,
): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port: socksPort, allowHalfOpen: true })
  test.after(() => socket.destroy())
  await once(socket, 'connect')
  socket.write(encodeMethods([METHOD_NONE]))
  await readExactly(socket, 2)
  socket.write(encodeSocks5Request(destination))
  const reply = await readExactly(socket, REPLY_LENGTH)
  if (reply[1] !== 0) throw new Error(`the SOCKS server answered ${reply[1]}`)
  return socket
}
