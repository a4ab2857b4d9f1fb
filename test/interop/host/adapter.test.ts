import assert from 'node:assert/strict'
import { type EventEmitter, once } from 'node:events'
import { access, readdir } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { type TestContext, describe, test } from 'node:test'
import type { Connection } from '../../../src/core/connection.ts'
import type { Listener } from '../../../src/core/listener.ts'
import type { StartChild } from '../../../src/host/child.ts'
import { startChildProcess } from '../../../src/host/child-process.ts'
import { type HostTransport, hostTransport } from '../../../src/host/host-transport.ts'
import type { PtProcess } from '../../../src/host/pt-process.ts'
import { launch } from '../../../src/host/launch.ts'
import { obfs4 } from '../../../src/transports/obfs4/index.ts'
import { exchange, send } from '../../support/exchange.ts'
import { skipWithoutObfs4proxy } from '../../support/obfs4proxy.ts'
import { COMMANDS, hostObfs4, serveBy } from '../../support/pt-ends.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { closedPort } from '../../support/closed-port.ts'

const MIB = 1024 * 1024
const timeout = 30_000

/** Makes a host's transport whose children's ids are noted. */
async function openCounted(t: TestContext, program: keyof typeof COMMANDS) {
  const { command, args } = COMMANDS[program]
  const start = startChildProcess({ command, args: [...args], env: {} })
  const pids: number[] = []
  const startChild: StartChild = (setup, handlers) => {
    const child = start(setup, handlers)
    pids.push(child.pid!)
    return child
  }
  const stateDir = await temporaryDirectory(t)
  const transport = hostTransport({ startChild, stateDir, restartDelayMs: 50 }, 'obfs4')
  t.after(() => transport.close())
  return { transport, pids, stateDir }
}

async function connectTo(transport: HostTransport, listener: Listener): Promise<Connection> {
  const { port } = listener.address() as AddressInfo
  const connection = transport.client(listener.clientArguments).connect({ host: '127.0.0.1', port })
  await once(connection, 'connect')
  connection.on('error', () => {})
  return connection
}

/** Listens by the API in this process. */
async function listenByApi(t: TestContext): Promise<Listener> {
  const listener = obfs4.server({ stateDir: await temporaryDirectory(t) }).listen({ host: '127.0.0.1', port: 0 })
  t.after(() => {
    listener.close()
    listener.closeAllConnections()
  })
  await once(listener, 'listening')
  return listener
}

/** Waits for 'close', whatever comes before it. */
function whenClosed(emitter: EventEmitter): Promise<void> {
  return new Promise((resolve) => {
    emitter.once('close', () => resolve())
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

for (const program of ['ptkit', 'obfs4proxy'] as const) {
  describe(`the adapter over ${program}`, { skip: program === 'obfs4proxy' && skipWithoutObfs4proxy }, () => {
    test("shows each client's own address, and the name of the transport", { timeout }, async (t) => {
      const transport = await hostObfs4(t, program)
      const listener = transport.server({}).listen({ host: '127.0.0.1', port: 0 })
      t.after(() => listener.close().closeAllConnections())
      await once(listener, 'listening')
      const { port } = listener.address() as AddressInfo
      for (let count = 0; count < 2; count++) {
        const near = obfs4.client(listener.clientArguments).connect({ host: '127.0.0.1', port })
        const [far] = (await once(listener, 'connection')) as [Connection]
        assert.equal(far.remoteAddress, '127.0.0.1')
        assert.equal(far.remotePort, near.localPort)
        assert.equal(far.remoteFamily, 'IPv4')
        near.destroy()
        far.destroy()
      }
      assert.equal(listener.transport, 'obfs4')
    })

    test(
      'fails the connections of a client child that is killed, and goes on with the next',
      { timeout },
      async (t) => {
        const listener = await listenByApi(t)
        const { transport, pids } = await openCounted(t, program)
        const near = await connectTo(transport, listener)
        const idle = await connectTo(transport, listener)
        assert.equal(pids.length, 1, 'one child for all')
        const ends: string[] = []
        idle.on('end', () => ends.push('end'))
        const failed = Promise.all([whenClosed(near), whenClosed(idle)])
        near.resume()
        send(near, 64 * MIB).catch(() => {})
        idle.resume()
        process.kill(pids[0]!, 'SIGKILL')
        await failed
        assert.ok(near.errored)
        assert.ok(idle.errored)
        assert.deepEqual(ends, [], 'what was cut off is no end')
        const next = await connectTo(transport, listener)
        assert.equal(pids.length, 2)
        next.destroy()
      },
    )

    test(
      'takes nothing for an end that was cut off while a helper of the child holds its pipes',
      { timeout },
      async (t) => {
        const listener = await listenByApi(t)
        const { command, args } = COMMANDS[program]
        const stateDir = await temporaryDirectory(t)
        const processes: PtProcess[] = []
        const settings = { stateDir, restart: false, onProcess: (process: PtProcess) => void processes.push(process) }
        const shell = { command: '/bin/sh', args: ['-c', 'sleep 3 & exec "$0" "$@"', command, ...args] }
        const transport = hostTransport({ ...shell, ...settings }, 'obfs4')
        t.after(() => transport.close())
        const near = await connectTo(transport, listener)
        const ends: string[] = []
        near.on('end', () => ends.push('end')).resume()
        const closed = whenClosed(near)
        process.kill(processes[0]!.pid!, 'SIGKILL')
        await closed
        assert.ok(near.errored)
        assert.deepEqual(ends, [])
        assert.equal(processes[0]!.methods.size, 0)
      },
    )

    test('keeps a listener on a fixed port when its child is killed', { timeout }, async (t) => {
      const { transport, pids } = await openCounted(t, program)
      const port = await closedPort()
      const listener = transport.server({}).listen({ host: '127.0.0.1', port })
      t.after(() => listener.close().closeAllConnections())
      await once(listener, 'listening')
      const args = listener.clientArguments
      const first = obfs4.client(args).connect({ host: '127.0.0.1', port })
      first.on('error', () => {})
      const [far] = (await once(listener, 'connection')) as [Connection]
      far.on('error', () => {})
      far.resume()
      const closed = whenClosed(far)
      process.kill(pids[0]!, 'SIGKILL')
      await closed
      assert.ok(far.errored)
      const arrival = once(listener, 'connection') as Promise<[Connection]>
      const again = await connectUntilThere(port, args)
      const [next] = await arrival
      await exchange(again, next, { toRight: MIB, toLeft: MIB })
      assert.deepEqual(listener.clientArguments, args, 'its identity is in the state directory')
      again.destroy()
      next.destroy()
    })

    test('fails a listener on a port of the system when its child is killed', { timeout }, async (t) => {
      const { transport, pids, stateDir } = await openCounted(t, program)
      const listener = transport.server({}).listen({ host: '127.0.0.1', port: 0 })
      await once(listener, 'listening')
      const failed = once(listener, 'error')
      const closed = whenClosed(listener)
      process.kill(pids[0]!, 'SIGKILL')
      assert.equal(((await failed) as [NodeJS.ErrnoException])[0].code, 'PT_HOST_EXITED')
      await closed
      assert.equal(pids.length, 1)
      assert.deepEqual(await cookiesIn(stateDir), [])
    })

    test('has several listeners at once, each with a state directory of its own', { timeout }, async (t) => {
      const root = await temporaryDirectory(t)
      const transport = hostTransport(
        { ...COMMANDS[program], stateDir: root, listenerStateDir: ({ port }) => `${root}/${port}` },
        'obfs4',
      )
      const server = transport.server({})
      const ports = [await closedPort(), await closedPort()]
      const listeners = ports.map((port) => server.listen({ host: '127.0.0.1', port }))
      await Promise.all(listeners.map((listener) => once(listener, 'listening')))
      for (const [index, listener] of listeners.entries()) {
        const port = ports[index]!
        const near = obfs4.client(listener.clientArguments).connect({ host: '127.0.0.1', port })
        const [far] = (await once(listener, 'connection')) as [Connection]
        await exchange(near, far, { toRight: MIB, toLeft: MIB })
        near.destroy()
        far.destroy()
      }
      const [one, two] = listeners
      assert.notEqual(one!.clientArguments['cert'], two!.clientArguments['cert'])
      const closed = listeners.map((listener) => once(listener, 'close'))
      for (const listener of listeners) listener.close()
      await Promise.all(closed)
    })

    test('leaves no child, address or cookie behind a listener', { timeout }, async (t) => {
      const { transport, pids, stateDir } = await openCounted(t, program)
      const listener = transport.server({}).listen({ host: '127.0.0.1', port: 0 })
      await once(listener, 'listening')
      const { port } = listener.address() as AddressInfo
      assert.equal((await cookiesIn(stateDir)).length, 2, 'the cookie, and who holds it')
      listener.close()
      await once(listener, 'close')
      assert.equal(isAlive(pids[0]!), false)
      assert.deepEqual(await cookiesIn(stateDir), [])
      const socket = connect(port, '127.0.0.1')
      const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException]
      assert.equal(error.code, 'ECONNREFUSED')
    })

    test('lets open connections live after close(), and nobody else in', { timeout }, async (t) => {
      const transport = await hostObfs4(t, program)
      const listener = transport.server({}).listen({ host: '127.0.0.1', port: 0 })
      await once(listener, 'listening')
      const { port } = listener.address() as AddressInfo
      const args = listener.clientArguments
      const near = obfs4.client(args).connect({ host: '127.0.0.1', port })
      const [far] = (await once(listener, 'connection')) as [Connection]
      const closed = once(listener, 'close')
      listener.close()
      await exchange(near, far, { toRight: MIB, toLeft: MIB })
      const late = obfs4.client(args).connect({ host: '127.0.0.1', port })
      late.on('error', () => {})
      late.resume()
      await whenClosed(late)
      near.destroy()
      far.destroy()
      await closed
    })

    test('turns away whom the veto does not let in', { timeout }, async (t) => {
      const asked: unknown[] = []
      const transport = await hostObfs4(t, program, {
        admit: (client) => {
          asked.push(client.transport, client.remoteAddress)
          return false
        },
      })
      const { port, clientArguments } = await serveBy(t, transport, {})
      const near = obfs4.client(clientArguments).connect({ host: '127.0.0.1', port })
      near.on('error', () => {})
      near.resume()
      await whenClosed(near)
      assert.deepEqual(asked, ['obfs4', '127.0.0.1'])
    })

    test('gives the role of a process that was launched by hand, and refuses the other', { timeout }, async (t) => {
      const cookieFile = `${await temporaryDirectory(t)}/cookie`
      const common = { ...COMMANDS[program], transports: ['obfs4'] }
      const extendedOrPort = { address: { host: '127.0.0.1', port: await closedPort() }, cookieFile }
      const bind = { obfs4: { host: '127.0.0.1', port: 0 } }
      const [server, client] = await Promise.all([
        launch({ ...common, role: 'server', stateDir: await temporaryDirectory(t), bind, extendedOrPort }),
        launch({ ...common, role: 'client', stateDir: await temporaryDirectory(t) }),
      ])
      t.after(() => Promise.all([server.stop(), client.stop()]))
      assert.throws(() => server.transport('obfs4').client({}), { code: 'PT_HOST_ROLE' })
      assert.throws(() => client.transport('obfs4').server({}), { code: 'PT_HOST_ROLE' })
      assert.throws(() => client.transport('obfs3'), { code: 'PT_TRANSPORT_UNKNOWN' })
      assert.throws(() => server.transport('obfs4').server({}).listen(1), { code: 'PT_ADDRESS_INVALID' })

      const listener = server.transport('obfs4').server({}).listen()
      await once(listener, 'listening')
      const { port } = listener.address() as AddressInfo
      assert.equal(port, server.methods.get('obfs4')?.address.port)
      const near = client.transport('obfs4').client(listener.clientArguments).connect({ host: '127.0.0.1', port })
      const [far] = (await once(listener, 'connection')) as [Connection]
      await exchange(near, far, { toRight: MIB, toLeft: MIB })
      near.destroy()
      far.destroy()
      const second = server.transport('obfs4').server({}).listen()
      assert.equal(((await once(second, 'error')) as [NodeJS.ErrnoException])[0].code, 'EADDRINUSE')
      const again = client.transport('obfs4').client(listener.clientArguments).connect({ host: '127.0.0.1', port })
      const [stillFar] = (await once(listener, 'connection')) as [Connection]
      await exchange(again, stillFar, { toRight: 1, toLeft: 1 })
      again.destroy()
      stillFar.destroy()
      const failed = once(listener, 'error')
      const closed = whenClosed(listener)
      await server.stop()
      assert.equal(((await failed) as [NodeJS.ErrnoException])[0].code, 'PT_HOST_EXITED')
      await closed
      await assert.rejects(access(cookieFile), { code: 'ENOENT' })
    })
  })
}

/** Connects by the API as soon as there is a server again. */
async function connectUntilThere(port: number, args: Readonly<Record<string, string>>): Promise<Connection> {
  for (;;) {
    const connection = obfs4.client(args).connect({ host: '127.0.0.1', port })
    try {
      await once(connection, 'connect')
      connection.on('error', () => {})
      return connection
    } catch {
      await new Promise((resolve) => {
        setTimeout(resolve, 20)
      })
    }
  }
}

async function cookiesIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.includes('cookie'))
}

describe('what a PT client says of a failure', () => {
  test('is the code that a dial of our own would have had', { timeout }, async (t) => {
    const transport = await hostObfs4(t, 'ptkit')
    const listener = await listenByApi(t)
    const args = listener.clientArguments
    const client = transport.client(args)
    const refused = client.connect({ host: '127.0.0.1', port: await closedPort() })
    assert.equal(((await once(refused, 'error')) as [NodeJS.ErrnoException])[0].code, 'ECONNREFUSED')
    const wrong = transport.client({ cert: 'x' }).connect({ host: '127.0.0.1', port: 9 })
    assert.equal(((await once(wrong, 'error')) as [NodeJS.ErrnoException])[0].code, 'PT_OPTION_INVALID')
  })

  test('is the reason of the launch, and the next connect() launches again', { timeout }, async (t) => {
    const stateDir = await temporaryDirectory(t)
    const missing = hostTransport({ command: `${stateDir}/nothing`, stateDir }, 'obfs4')
    for (let count = 0; count < 2; count++) {
      const connection = missing.client({}).connect({ host: '127.0.0.1', port: 9 })
      assert.equal(((await once(connection, 'error')) as [NodeJS.ErrnoException])[0].code, 'PT_HOST_EXITED')
    }
    const listener = missing.server({}).listen({ host: '127.0.0.1', port: 0 })
    assert.equal(((await once(listener, 'error')) as [NodeJS.ErrnoException])[0].code, 'PT_HOST_EXITED')
    assert.deepEqual(await cookiesIn(stateDir), [])
  })
})
