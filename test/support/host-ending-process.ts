// Uses a PT process in one way, and ends by itself when nothing keeps it. It tells the id of the child.
import { hostTransport, launch, startInProcess, startThread } from 'pluggable-transports/host'

interface Parameters {
  readonly does: 'connect' | 'launch' | 'listen'
  readonly place: 'a process' | 'a thread' | 'this process'
  readonly command: string
  readonly stateDir: string
  /** Whether it leaves referenced what it could let go. */
  readonly keep?: boolean
  readonly port?: number
  readonly clientArguments?: Readonly<Record<string, string>>
}

const parameters = JSON.parse(process.env.PARAMETERS!) as Parameters
const { does, place, command, stateDir, keep = false, port, clientArguments } = parameters
process.channel!.unref()
const program = {
  'a process': { command },
  'a thread': { startChild: startThread() },
  'this process': { startChild: startInProcess() },
}[place]

if (does === 'launch') {
  const host = await launch({ command, stateDir, role: 'client', transports: ['obfs4'] })
  if (!keep) host.unref()
  process.send!({ pid: host.pid })
} else {
  const onProcess = ({ pid }: { readonly pid: number | undefined }): void => void process.send!({ pid })
  const obfs4 = hostTransport({ ...program, stateDir, onProcess }, 'obfs4')
  if (does === 'connect') {
    const socket = obfs4.client(clientArguments!).connect({ host: '127.0.0.1', port: port! })
    socket.on('data', () => void socket.end()).write('echo')
  } else {
    const listener = obfs4.server({}).listen({ host: '127.0.0.1', port: 0 })
    listener.on('listening', () => {
      if (!keep) listener.unref()
    })
  }
}
