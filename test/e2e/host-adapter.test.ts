import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { test } from 'node:test'
import { hostTransport, startInProcess, startThread } from 'pluggable-transports/host'
import { exchange } from '../support/exchange.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const MIB = 1024 * 1024

for (const [title, startChild] of [
  ['in a thread', startThread()],
  ['in this process', startInProcess()],
] as const) {
  test(`the adapter carries data both ways over the dispatcher ${title}`, { timeout: 30_000 }, async (t) => {
    const transport = hostTransport({ startChild, stateDir: await temporaryDirectory(t) }, 'obfs4')
    const listener = transport.server({ 'iat-mode': 0 }).listen({ host: '127.0.0.1', port: 0 })
    await once(listener, 'listening')
    const { port } = listener.address() as AddressInfo
    const near = transport.client(listener.clientArguments).connect({ host: '127.0.0.1', port })
    const [far] = (await once(listener, 'connection')) as [Duplex]
    await exchange(near, far, { toRight: MIB, toLeft: MIB })
    near.destroy()
    far.destroy()
    const closed = once(listener, 'close')
    listener.close()
    await Promise.all([closed, transport.close()])
  })
}
