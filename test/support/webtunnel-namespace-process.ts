import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import process from 'node:process'
import { webtunnel } from '../../src/transports/webtunnel/index.ts'
import { hashChain } from './chain-hash.ts'
import { ManagedProcess } from './managed-process.ts'
import { portOf } from './method-lines.ts'
import { readExactly } from './read-exactly.ts'
import { connectThroughSocks } from './socks-client.ts'

// Runs in a namespace in which bridge.example is 198.51.100.1: the reference client connects to no address of loopback.
const [clientPath = '', stateDir = '', certificatePath = '', keyPath = ''] = process.argv.slice(2)
const LENGTH = 1_000_000
const cleanUps: (() => Promise<void>)[] = []

const tls = certificatePath === '' ? undefined : { tlsCert: certificatePath, tlsKey: keyPath }
const port = 8_443
const url = `${tls === undefined ? 'http' : 'https'}://bridge.example:${port}/secret`
const listener = webtunnel.server({ url, ...tls }).listen({ host: '198.51.100.1', port })
const greeting = randomBytes(1_000)
listener.on('connection', (connection) => {
  connection.on('error', () => {})
  // First of all, as no client of the reference implementation forgives if it comes too early.
  connection.write(greeting)
  connection.pipe(connection)
})
await once(listener, 'listening')

const owner = { after: (cleanUp: () => Promise<void>): void => void cleanUps.push(cleanUp) }
const client = new ManagedProcess(owner, clientPath, [], {
  TOR_PT_MANAGED_TRANSPORT_VER: '1',
  TOR_PT_STATE_LOCATION: stateDir,
  TOR_PT_CLIENT_TRANSPORTS: 'webtunnel',
})
const [, , , address] = (await client.line('CMETHOD webtunnel ')).split(' ')
const pin = tls === undefined ? {} : { cert: hashChain(readFileSync(certificatePath, 'latin1')).toString('base64') }
for (let count = 0; count < 3; count++) {
  const socket = await connectThroughSocks(portOf(address!), 1, { url, ver: '0.0.3', ...pin })
  const sent = randomBytes(LENGTH)
  const echoed = readExactly(socket, greeting.length + LENGTH)
  socket.write(sent)
  if (!(await echoed).equals(Buffer.concat([greeting, sent]))) throw new Error('the echo differs')
  socket.destroy()
}
for (const cleanUp of cleanUps) await cleanUp()
listener.close()
listener.closeAllConnections()
console.log('done')
