import { createInterface } from 'node:readline'
import { systemPlatform } from '../../src/platform/index.ts'
import { type Obfs4ServerInput, obfs4 } from '../../src/transports/obfs4/index.ts'
import { portOf } from './obfs4-pairings.ts'
import { TestClock } from './test-clock.ts'

// A process that is an obfs4 server: options as JSON in its first argument, how fast its clock runs in its second. It says where it
// listens and with what arguments, echoes, answers each line with its memory and the events told so far, and ends with its input.
const options = JSON.parse(process.argv[2]!) as Obfs4ServerInput
const platform = { ...systemPlatform, clock: new TestClock(Number(process.argv[3])) }
const events: string[] = []
const tell = (event: string): void => void events.push(event)
const logger = { debug: tell, warn: tell, error: tell }
const listener = obfs4.server(options, { platform, logger }).listen({ host: '127.0.0.1', port: 0 })
listener.on('connection', (connection) => {
  connection.on('error', () => {})
  connection.pipe(connection)
})
listener.on('listening', () => {
  process.stdout.write(`LISTENING ${portOf(listener)} ${listener.clientArguments['cert']}\n`)
})
createInterface({ input: process.stdin })
  .on('line', () => {
    globalThis.gc?.()
    // Array buffers are freed in a later turn than the collection.
    setImmediate(report)
  })
  .on('close', () => process.exit())

function report(): void {
  globalThis.gc?.()
  process.stdout.write(`STATUS ${JSON.stringify({ ...process.memoryUsage(), events })}\n`)
}
