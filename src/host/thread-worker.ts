// The whole of a thread that runs the dispatcher: lines go out, steps of a stop come in, process.exit() ends this thread alone.
import process from 'node:process'
import { parentPort, workerData } from 'node:worker_threads'
import { FAILURE_EXIT_CODES, IpcFailure } from '../ipc/failure.ts'
import { writeFailure } from '../ipc/line-writer.ts'
import { negotiateVersion } from '../ipc/version.ts'
import { systemPlatform } from '../platform/index.ts'
import { watchLocks } from '../platform/process-lock.ts'
import { builtInTransports } from '../transports/index.ts'
import { createLineSink } from './child-lines.ts'
import { type Contained, runContained } from './contained.ts'
import { loadTransports } from './load-modules.ts'
import { showLine } from './show-line.ts'
import type { ThreadData, ThreadMessage, ThreadRequest } from './thread-messages.ts'

const { argv, environment, modules } = workerData as ThreadData
const port = parentPort!
/** Characters of lines that the parent has not taken yet: a port has no back-pressure of its own. */
let queuedLength = 0
let contained: Contained | undefined
let inputClosed = false

const tell = (message: ThreadMessage): void => port.postMessage(message)

const sink = (stream: 'stdout' | 'stderr') =>
  createLineSink(
    (text) => {
      queuedLength += text.length
      tell({ kind: 'line', stream, text })
    },
    () => queuedLength,
  )

const [out, err] = [sink('stdout'), sink('stderr')]

/** Ends a thread that cannot begin, as settings that it cannot use do. */
function refuse(reason: string): void {
  const version = negotiateVersion(environment['TOR_PT_MANAGED_TRANSPORT_VER'])
  writeFailure(new IpcFailure('env', showLine(reason), version), { out, err })
  process.exit(FAILURE_EXIT_CODES.env)
}

watchLocks((lock) => tell({ kind: 'lock', lock }))
process.on('uncaughtException', (thrown: unknown) => {
  const error = thrown instanceof Error ? thrown : new Error('what was thrown is no error')
  if (contained === undefined) refuse(`internal error: ${error.name}`)
  else contained.crash(error)
})
port.on('message', (request: ThreadRequest) => {
  if (request.kind === 'taken') queuedLength -= request.length
  else if (request.kind === 'close-input') {
    inputClosed = true
    contained?.closeInput()
  } else if (contained === undefined) process.exit(0)
  else contained.terminate()
})
loadTransports(modules, builtInTransports).then(
  (registry) => {
    const exit = (code: number): void => process.exit(code)
    contained = runContained({ argv, environment, registry, platform: systemPlatform, out, err, exit })
    if (inputClosed) contained.closeInput()
  },
  (error: unknown) => refuse(error instanceof Error ? error.message : String(error)),
)
