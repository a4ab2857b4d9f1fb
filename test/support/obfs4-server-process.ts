import type { AddressInfo } from 'node:net'
import { systemPlatform } from '../../src/platform/index.ts'
import { type Obfs4ServerInput, obfs4 } from '../../src/transports/obfs4/index.ts'
import { TestClock } from './test-clock.ts'

// A process that is an obfs4 server: options as JSON in its first argument, how fast its clock runs in its second. It says where it
// listens and with what arguments, echoes, and ends with its input.
const options = JSON.parse(process.argv[2]!) as Obfs4ServerInput
const platform = { ...systemPlatform, clock: new TestClock(Number(process.argv[3])) }
const listener = obfs4.server(options, { platform }).listen({ host: '127.0.0.1', port: 0 })
listener.on('connection', (connection) => {
  connection.on('error', () => {})
  connection.pipe(connection)
})
listener.on('listening', () => {
  const { port } = listener.address() as AddressInfo
  process.stdout.write(`LISTENING ${port} ${listener.clientArguments['cert']}\n`)
})
process.stdin.resume().on('end', () => process.exit())
