// The whole of a thread that runs the dispatcher: lines go out, steps of a stop come in, process.exit() ends this thread alone.
import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import { systemPlatform } from '../platform/index.ts'
import { watchLocks } from '../platform/process-lock.ts'
import { builtInTransports } from '../transports/index.ts'
import { createLineSink } from './child-lines.ts'
import { runContained } from './contained.ts'
import type { ThreadData, ThreadMessage, ThreadRequest } from './thread-messages.ts'

const { argv, environment } = workerData as ThreadData
const port = parentPort!
/** Characters of lines that the parent has not taken yet: a port has no back-pressure of its own. */
let queuedLength = 0

const tell = (message: ThreadMessage): void => port.postMessage(message)

const sink = (stream: 'stdout' | 'stderr') =>
  createLineSink(
    (text) => {
      queuedLength += text.length
      tell({ kind: 'line', stream, text })
    },
    () => queuedLength,
  )

watchLocks((lock) => tell({ kind: 'lock', lock }))
const contained = runContained({
  argv,
  environment,
  registry: builtInTransports,
  platform: systemPlatform,
  out: sink('stdout'),
  err: sink('stderr'),
  exit: (code) => process.exit(code),
})
process.on('uncaughtException', (error) => contained.crash(error))
port.on('message', (request: ThreadRequest) => {
  if (request.kind === 'close-input') contained.closeInput()
  else if (request.kind === 'terminate') contained.terminate()
  else queuedLength -= request.length
})
