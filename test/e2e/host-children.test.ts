import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { type Socket, connect } from 'node:net'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, describe, test } from 'node:test'
import { type PtChild, type PtExit, type StartChild, startInProcess, startThread } from 'pluggable-transports/host'
import { startChildProcess } from '../../src/host/child-process.ts'
import { supervise } from '../../src/host/supervisor.ts'
import { startApplicationServer } from '../support/application-server.ts'
import { exchange } from '../support/exchange.ts'
import { parseServerMethod, portOf } from '../support/method-lines.ts'
import { poll } from '../support/poll.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { readExactly } from '../support/read-exactly.ts'
import { connectThroughSocks } from '../support/socks-client.ts'
import { StartedChild } from '../support/started-child.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** Where the dispatcher runs: one table of behaviours holds all three equal. */
const PLACES: Readonly<Record<string, (args: readonly string[]) => StartChild>> = {
  'a process': (args) => startChildProcess({ command: process.execPath, args: [ptkitPath, ...args] }),
  'a thread': (args) => startThread({ args }),
  'this process': (args) => startInProcess({ args }),
}

const MIB = 1024 * 1024

for (const [place, startWith] of Object.entries(PLACES))
  describe(`a dispatcher in ${place}`, { timeout: 120_000 }, () => {
    const start = async (
      t: TestContext,
      variables: Readonly<Record<string, string>>,
      args: readonly string[] = [],
    ): Promise<StartedChild> => {
      const stateDir = variables['TOR_PT_STATE_LOCATION'] ?? (await temporaryDirectory(t))
      return new StartedChild(t, startWith(args), {
        TOR_PT_MANAGED_TRANSPORT_VER: '1',
        TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
        TOR_PT_STATE_LOCATION: stateDir,
        ...variables,
      })
    }
    const startClient = (t: TestContext, variables: Readonly<Record<string, string>> = {}, args?: readonly string[]) =>
      start(t, { TOR_PT_CLIENT_TRANSPORTS: 'obfs4', ...variables }, args)
    const startServer = (t: TestContext, variables: Readonly<Record<string, string>>) =>
      start(t, { TOR_PT_SERVER_TRANSPORTS: 'obfs4', TOR_PT_SERVER_BINDADDR: 'obfs4-127.0.0.1:0', ...variables })

    test('tells its version, its methods and their end, in this order', async (t) => {
      const child = await startClient(t, { TOR_PT_CLIENT_TRANSPORTS: 'obfs4,unheard' })
      await child.line('CMETHODS DONE')
      const told = child.out.map((line) => line.replace(/:\d+$/, ':PORT').replace(/IMPLEMENTATION=.*/, '…'))
      assert.deepEqual(told, [
        'VERSION 1',
        'STATUS TYPE=version …',
        'CMETHOD obfs4 socks5 127.0.0.1:PORT',
        'CMETHODS DONE',
      ])
      assert.deepEqual(child.err, [])
      assert.deepEqual(child.exits, [])
    })

    test('speaks the version that it is asked for', async (t) => {
      const child = await startClient(t, { TOR_PT_MANAGED_TRANSPORT_VER: '2.1,3.0' })
      assert.equal(await child.line('VERSION'), 'VERSION 3.0')
    })

    test('ends with 0 when its input is closed', async (t) => {
      const child = await startClient(t)
      const port = portOf(await child.line('CMETHOD obfs4'))
      child.child.closeInput()
      assert.deepEqual(await child.exit(), { code: 0, signal: null })
      await assert.rejects(greet(port), { code: 'ECONNREFUSED' })
    })

    test('goes on when its input is closed and that means nothing', async (t) => {
      const child = await startClient(t, { TOR_PT_EXIT_ON_STDIN_CLOSE: '0' })
      const port = portOf(await child.line('CMETHOD obfs4'))
      child.child.closeInput()
      const socket = await greet(port)
      socket.destroy()
      assert.deepEqual(child.exits, [])
    })

    test('ends with 0 and destroys connections when it is asked to end', async (t) => {
      const child = await startClient(t)
      const socket = await greet(portOf(await child.line('CMETHOD obfs4')))
      const closed = once(socket.resume(), 'close')
      child.child.terminate()
      assert.deepEqual(await child.exit(), { code: 0, signal: null })
      await closed
    })

    test('ends with 0 when it is asked to end before it has begun', async (t) => {
      const child = await startClient(t)
      child.child.closeInput()
      child.child.terminate()
      assert.ok([0, null].includes((await child.exit()).code))
    })

    test('ends as if by SIGKILL when it is killed, with its connections', async (t) => {
      const child = await startClient(t)
      const socket = await greet(portOf(await child.line('CMETHOD obfs4')))
      const closed = once(socket.resume(), 'close')
      child.child.kill()
      assert.deepEqual(await child.exit(), { code: null, signal: 'SIGKILL' })
      await closed
      child.child.kill()
      child.child.terminate()
      child.child.closeInput()
      assert.equal(child.exits.length, 1)
    })

    test('refuses settings with 64 and a line on standard output in version 1', async (t) => {
      const child = await startClient(t, { TOR_PT_SERVER_TRANSPORTS: 'obfs4' })
      assert.deepEqual(await child.exit(), { code: 64, signal: null })
      assert.match(child.out.join('\n'), /^ENV-ERROR .+$/)
      assert.deepEqual(child.err, [])
    })

    test('refuses settings with 64 and a line on standard error in version 3.0', async (t) => {
      const child = await startClient(t, { TOR_PT_MANAGED_TRANSPORT_VER: '3.0', TOR_PT_SERVER_TRANSPORTS: 'obfs4' })
      assert.deepEqual(await child.exit(), { code: 64, signal: null })
      assert.match(child.err.join('\n'), /^ENV-ERROR .+$/)
      assert.deepEqual(child.out, [])
    })

    test('tells both streams that no version is in common, and ends with 78', async (t) => {
      const child = await startClient(t, { TOR_PT_MANAGED_TRANSPORT_VER: '9' })
      assert.deepEqual(await child.exit(), { code: 78, signal: null })
      assert.deepEqual([child.out, child.err], [['VERSION-ERROR no-version'], ['VERSION-ERROR no-version']])
    })

    test('refuses an upstream proxy that it cannot use, and ends with 69', async (t) => {
      const child = await startClient(t, { TOR_PT_PROXY: 'gopher://127.0.0.1:70' })
      assert.deepEqual(await child.exit(), { code: 69, signal: null })
      assert.match(child.out.at(-1)!, /^PROXY-ERROR ./)
    })

    test('confirms an upstream proxy that it will use', async (t) => {
      const child = await startClient(t, { TOR_PT_PROXY: 'socks5://127.0.0.1:9' })
      await child.line('CMETHODS DONE')
      assert.ok(child.out.indexOf('PROXY DONE') === child.out.findIndex((line) => line.startsWith('CMETHOD')) - 1)
    })

    test('tells of a connection that failed by STATUS, and of what was asked for by LOG', async (t) => {
      const child = await startClient(t, {}, ['-ipcLogLevel', 'DEBUG'])
      const port = portOf(await child.line('CMETHOD obfs4'))
      const cert = Buffer.alloc(52, 9).toString('base64').slice(0, -2)
      await assert.rejects(connectThroughSocks(port, 9, { cert, 'iat-mode': '0' }))
      assert.match(
        await child.line('STATUS TRANSPORT=obfs4'),
        /^STATUS TRANSPORT=obfs4 CONNECT="Failed" ERRSTR="ECONNREFUSED"$/,
      )
      assert.match(await child.line('LOG'), /^LOG SEVERITY=(?:error|warning|info|debug) MESSAGE="/)
    })

    test('carries 4 MiB each way from its client to its server', async (t) => {
      const application = await startApplicationServer(t)
      const server = await startServer(t, { TOR_PT_ORPORT: `127.0.0.1:${application.port}` })
      const { port, clientArguments } = parseServerMethod(await server.line('SMETHOD obfs4'))
      const client = await startClient(t)
      const near = await connectThroughSocks(portOf(await client.line('CMETHOD obfs4')), port, clientArguments)
      t.after(() => near.destroy())
      await exchange(near, await application.arrivals.next(), { toRight: 4 * MIB, toLeft: 4 * MIB })
    })

    test('leaves its port and its state to the next one when it was killed', async (t) => {
      const stateDir = await temporaryDirectory(t)
      const settings = { TOR_PT_ORPORT: '127.0.0.1:9', TOR_PT_STATE_LOCATION: stateDir }
      const first = await startServer(t, settings)
      const line = await first.line('SMETHOD obfs4')
      await first.line('SMETHODS DONE')
      first.child.kill()
      await first.exit()
      const bind = { TOR_PT_SERVER_BINDADDR: `obfs4-127.0.0.1:${parseServerMethod(line).port}` }
      const second = await startServer(t, { ...settings, ...bind })
      assert.equal(await second.line('SMETHOD obfs4'), line)
    })

    test('is back within the back-off when it is killed under its host', async (t) => {
      const children: PtChild[] = []
      const startNoted: StartChild = (setup, handlers) => {
        const child = startWith([])(setup, handlers)
        children.push(child)
        return child
      }
      const configuration = { role: 'client', transports: ['obfs4'], stateDir: await temporaryDirectory(t) } as const
      const host = await supervise(startNoted, configuration, { restartDelayMs: 10 })
      t.after(() => host.stop())
      const socket = await greet(host.methods.get('obfs4')!.address.port)
      const [exited, closed, ready] = [once(host, 'exit'), once(socket.resume(), 'close'), once(host, 'ready')]
      children[0]!.kill()
      const [exit] = await exited
      assert.equal((exit as PtExit).signal, 'SIGKILL')
      await Promise.all([closed, ready])
      const again = await greet(host.methods.get('obfs4')!.address.port)
      again.destroy()
      const { code, signal } = await host.stop()
      assert.deepEqual({ code, signal }, { code: 0, signal: null })
      assert.equal(children.length, 2)
    })

    test('tells its host why it cannot start', async (t) => {
      const path = join(await temporaryDirectory(t), 'file')
      await writeFile(path, '')
      const configuration = { role: 'server', transports: ['obfs4'], stateDir: path } as const
      const orPort = { host: '127.0.0.1', port: 9 }
      await assert.rejects(supervise(startWith([]), { ...configuration, orPort }), { code: 'PT_HOST_FAILED' })
    })

    test('leaves nothing of 10 starts and stops', async (t) => {
      const configuration = { role: 'client', transports: ['obfs4'], stateDir: await temporaryDirectory(t) } as const
      const runs = async (count: number): Promise<void> => {
        for (; count > 0; count--) await (await supervise(startWith([]), configuration)).stop()
      }
      // What the first one loads may stay.
      await runs(1)
      const before = process.getActiveResourcesInfo().length
      await runs(10)
      // The last one's handle closes in a turn of its own.
      const isDown = () => Promise.resolve(process.getActiveResourcesInfo().length <= before || undefined)
      await poll('as few resources as before', 2_000, isDown)
    })

    test('gets a *METHOD-ERROR for a state directory that is a file', async (t) => {
      const path = join(await temporaryDirectory(t), 'file')
      await writeFile(path, '')
      const child = await startServer(t, { TOR_PT_ORPORT: '127.0.0.1:9', TOR_PT_STATE_LOCATION: path })
      assert.match(await child.line('SMETHOD'), /^SMETHOD-ERROR obfs4 ./)
      await child.line('SMETHODS DONE')
    })
  })

/** Shows that a SOCKS listener answers. */
async function greet(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.on('error', () => {}).write(Buffer.of(5, 1, 0))
  assert.deepEqual([...(await readExactly(socket, 2))], [5, 0])
  return socket
}
