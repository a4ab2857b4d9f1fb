import { once } from 'node:events'
import { WebSocket } from 'ws'
import type { ManagedProcess } from './managed-process.ts'
import { poll } from './poll.ts'

/** Lets liveLength() look into a process of Node; part of its environment. */
export const INSPECTABLE = { NODE_OPTIONS: '--inspect=127.0.0.1:0' }

const LIMIT_MS = 5_000

/** Collects all garbage of a process and returns what is left: its heap and the buffers outside, in bytes. */
export async function liveLength(process: ManagedProcess): Promise<number> {
  const url = await poll('the inspector', LIMIT_MS, async () => /ws:\S+/.exec(process.errorOutput)?.[0])
  const socket = new WebSocket(url)
  await once(socket, 'open')
  const ask = async (method: string, params: object = {}): Promise<unknown> => {
    socket.send(JSON.stringify({ id: 1, method, params }))
    const [data] = (await once(socket, 'message')) as [Buffer]
    return JSON.parse(data.toString())
  }
  // What a first collection finalises, the second one frees.
  await ask('HeapProfiler.collectGarbage')
  await ask('HeapProfiler.collectGarbage')
  const expression = '(({ heapUsed, external }) => heapUsed + external)(process.memoryUsage())'
  const { result } = (await ask('Runtime.evaluate', { expression })) as { result: { result: { value: number } } }
  socket.close()
  await once(socket, 'close')
  return result.result.value
}
