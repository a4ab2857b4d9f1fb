import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { hostTransport, runInThread, startThread } from 'pluggable-transports/host'
import { plain } from 'pluggable-transports/testing'
import { closedPort } from '../support/closed-port.ts'
import { exchange, send } from '../support/exchange.ts'
import { poll } from '../support/poll.ts'
import { connectThroughSocks } from '../support/socks-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const LIMIT = { timeout: 60_000 }
const MIB = 1024 * 1024

/** Writes a module in which `plain` is a transport; returns its URL. */
async function writeModule(t: TestContext, text: string): Promise<URL> {
  const path = join(await temporaryDirectory(t), 'transports.js')
  const testing = JSON.stringify(import.meta.resolve('pluggable-transports/testing'))
  await writeFile(path, `import { plain } from ${testing}\n${text}`)
  return pathToFileURL(path)
}

async function run(t: TestContext, module: URL, options: { transports?: string[]; args?: string[] } = {}) {
  const stateDir = await temporaryDirectory(t)
  const launched = runInThread({
    role: 'client',
    transports: ['plain'],
    stateDir,
    versions: ['1'],
    modules: [module],
    restartDelayMs: 10,
    ...options,
  })
  launched.then(
    (host) => t.after(() => host.stop()),
    () => {},
  )
  return launched
}

test('a thread offers the transports that a module exports, which carry data', LIMIT, async (t) => {
  const modules = [await writeModule(t, 'export const mine = plain')]
  const transport = hostTransport(
    { startChild: startThread({ modules }), stateDir: await temporaryDirectory(t) },
    'plain',
  )
  t.after(() => transport.close())
  const listener = transport.server({}).listen({ host: '127.0.0.1', port: 0 })
  t.after(() => listener.close().closeAllConnections())
  await once(listener, 'listening')
  const { port } = listener.address() as { readonly port: number }
  const near = transport.client(listener.clientArguments).connect({ host: '127.0.0.1', port })
  const [far] = await once(listener, 'connection')
  await exchange(near, far, { toRight: MIB, toLeft: MIB })
  near.destroy()
  far.destroy()
})

test('a module without a transport, or that cannot be loaded, fails the start and is named', LIMIT, async (t) => {
  const code = 'PT_HOST_FAILED'
  const none = await writeModule(t, 'export const name = plain.name')
  await assert.rejects(run(t, none), { code, message: /transports\.js exports no transport$/ })
  const broken = await writeModule(t, 'export const = 1')
  await assert.rejects(run(t, broken), { code, message: /transports\.js cannot be loaded: / })
  const missing = new URL('missing.js', broken)
  await assert.rejects(run(t, missing), { code, message: /missing\.js cannot be loaded: / })
})

test('an error that a thread does not catch before its methods fails the start', LIMIT, async (t) => {
  const thrown = `throw Object.assign(new TypeError('secret'), {})`
  for (const [text, message] of [
    [`export { plain }; queueMicrotask(() => { ${thrown} })`, /internal error: TypeError/],
    [`export { plain }; Promise.reject(null); await new Promise(() => {})`, /error: UnhandledPromiseRejection/],
    [`export { plain }; queueMicrotask(() => { throw null })`, /internal error: Error/],
  ] as const)
    await assert.rejects(run(t, await writeModule(t, text)), { code: 'PT_HOST_FAILED', message })
})

test(
  'an error that a thread does not catch later is an exit after a LOG line, and it is started again',
  LIMIT,
  async (t) => {
    const text = `export { plain }
    import { parentPort } from 'node:worker_threads'
    parentPort.on('message', (request) => { if (request.kind === 'close-input') throw new RangeError('secret') })`
    const module = await writeModule(t, text)
    const host = await run(t, module, { args: ['-ipcLogLevel', 'ERROR'] })
    const logged: unknown[] = []
    host.on('log', (entry) => logged.push(entry))
    const { code, signal } = await host.stop()
    assert.deepEqual({ code, signal }, { code: 70, signal: null })
    assert.deepEqual(logged, [{ severity: 'error', message: 'internal error: RangeError' }])

    const dying = await writeModule(t, `export { plain }; setTimeout(() => { throw new Error() }, 300)`)
    const next = await run(t, dying)
    const [exited, ready] = [once(next, 'exit'), once(next, 'ready')]
    assert.equal((await exited)[0].code, 70)
    await ready
  },
)

/** Connects so many times, one after another, to a closed port through a SOCKS port; in a process of its own, so that this one stands still. */
function connectElsewhere(socksPort: number, port: number, count: number): void {
  const script = `
    const { connect } = require('node:net')
    const request = Buffer.from([5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, ${port >> 8}, ${port & 0xff}])
    const once = () => new Promise((resolve) => connect(${socksPort}, '127.0.0.1').on('error', () => {}).on('close', resolve).resume().end(request))
    const all = async () => { for (let left = ${count}; left > 0; left--) await once() }
    all()`
  execFileSync(process.execPath, ['--eval', script], { timeout: 30_000 })
}

test('lines that a parent does not take are bounded, and it hears how many it has missed', LIMIT, async (t) => {
  const name = 'x'.repeat(8_192)
  const module = await writeModule(t, `export const long = { ...plain, name: '${name}' }`)
  const host = await run(t, module, { transports: [name], args: ['-ipcLogLevel', 'WARN'] })
  const { port: socksPort } = host.methods.get(name)!.address
  const refused = await closedPort()
  let [statusCount, isTold] = [0, false]
  host.on('status', ({ TRANSPORT }) => (statusCount += TRANSPORT === name ? 1 : 0))
  host.on('log', ({ message }) => (isTold ||= /^\d+ lines were dropped$/.test(message)))
  await new Promise((resolve) => setImmediate(resolve))
  statusCount = 0
  connectElsewhere(socksPort, refused, 150)
  await poll('the lines that were kept', 10_000, async () => statusCount > 0 || undefined)
  await assert.rejects(connectThroughSocks(socksPort, refused, {}))
  await poll('the count of the others', 10_000, async () => isTold || undefined)
  assert.ok(statusCount > 20 && statusCount < 40, `${statusCount} lines came`)
})

test('a reader that stands still holds up what comes through a thread, and loses nothing of it', LIMIT, async (t) => {
  const modules = [await writeModule(t, 'export { plain }')]
  const transport = hostTransport(
    { startChild: startThread({ modules }), stateDir: await temporaryDirectory(t) },
    'plain',
  )
  t.after(() => transport.close())
  const listener = plain.server({}).listen({ host: '127.0.0.1', port: 0 })
  t.after(() => listener.close().closeAllConnections())
  await once(listener, 'listening')
  const { port } = listener.address() as { readonly port: number }
  const near = transport.client(listener.clientArguments).connect({ host: '127.0.0.1', port })
  const [far] = await once(listener, 'connection')
  await once(near, 'connect')
  const total = 96 * MIB
  const sending = send(far, total)
  let before = -1
  await poll('a stand-still', 20_000, async () => {
    const same = far.wireBytesWritten === before
    before = far.wireBytesWritten
    await new Promise((resolve) => setTimeout(resolve, 200))
    return same || undefined
  })
  assert.ok(before < total / 2, `${before} bytes have left`)
  let received = 0
  near.on('data', (bytes: Buffer) => (received += bytes.length))
  await sending
  await poll('the rest', 20_000, async () => received >= total || undefined)
  assert.equal(received, total)
  near.destroy()
  far.destroy()
})
