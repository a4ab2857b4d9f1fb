import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import process from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { hostTransport, startInProcess, startThread } from 'pluggable-transports/host'
import { exchange } from '../support/exchange.ts'
import { ManagedProcess } from '../support/managed-process.ts'
import { poll } from '../support/poll.ts'
import { ptkitPath } from '../support/ptkit.ts'
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

test('a listener removes the cookie that a killed parent has left', { timeout: 60_000 }, async (t) => {
  const stateDir = await temporaryDirectory(t)
  const cookies = async () => (await readdir(stateDir)).filter((name) => /cookie_[0-9a-f]+$/.test(name))
  const script = fileURLToPath(new URL('../support/host-listener-process.ts', import.meta.url))
  const settings = { command: ptkitPath, stateDir }
  const parent = new ManagedProcess(t, process.execPath, ['--import', 'tsx', script, JSON.stringify(settings)])
  await parent.line('listening')
  await parent.kill('SIGKILL')
  const left = await cookies()
  assert.equal(left.length, 1)
  // Its child ends with it, and lets go of the state.
  await poll('the end of the child', 10_000, async () => {
    return !(await readdir(stateDir)).some((name) => name.endsWith('.lock')) || undefined
  })
  const transport = hostTransport(settings, 'obfs4')
  const listener = transport.server({}).listen({ host: '127.0.0.1', port: 0 })
  await once(listener, 'listening')
  const [cookie, ...more] = await cookies()
  assert.deepEqual(more, [])
  assert.notEqual(cookie, left[0])
  const closed = once(listener, 'close')
  listener.close()
  await closed
  assert.deepEqual(
    (await readdir(stateDir)).filter((name) => name.includes('cookie')),
    [],
  )
})
