import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { inspect } from 'node:util'
import { NOTHING } from '../../../src/core/codec.ts'
import { PtError } from '../../../src/core/errors.ts'
import { EVENT_LEVELS, type EventName, createLog } from '../../../src/core/log.ts'
import type { Logger } from '../../../src/core/transport.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { obfs4 } from '../../../src/transports/obfs4/index.ts'
import { scriptedTransport } from '../../support/scripted-transport.ts'

const EVENTS = Object.keys(EVENT_LEVELS) as EventName[]

/** Hears all channels until the test ends. */
function hear(context: TestContext): { readonly event: string; readonly message: object }[] {
  const heard: { event: string; message: object }[] = []
  for (const event of EVENTS) {
    const listener = (message: unknown): void => void heard.push({ event, message: message as object })
    subscribe(`pluggable-transports:${event}`, listener)
    context.after(() => unsubscribe(`pluggable-transports:${event}`, listener))
  }
  return heard
}

function recordingLogger(): {
  readonly logger: Logger
  readonly lines: [level: string, event: string, fields: object][]
} {
  const lines: [string, string, object][] = []
  const tell = (level: string) => (event: string, fields: object) => void lines.push([level, event, fields])
  return { lines, logger: { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') } }
}

test('an event goes to its channel and to the logger, at its level, with the transport', (context) => {
  const heard = hear(context)
  const { logger, lines } = recordingLogger()
  const log = createLog('scripted', logger)
  for (const event of EVENTS) log(event, { count: 1 })
  const message = { transport: 'scripted', count: 1 }
  assert.deepEqual(
    heard,
    EVENTS.map((event) => ({ event, message })),
  )
  assert.deepEqual(
    lines,
    EVENTS.map((event) => [EVENT_LEVELS[event], event, message]),
  )
  assert.equal(
    lines.every(([, , fields]) => Object.isFrozen(fields)),
    true,
  )
})

test('a logger may have any of its members, and keeps its this', () => {
  const lines: string[] = []
  class Partial {
    readonly prefix = 'it says '
    warn(event: string): void {
      lines.push(this.prefix + event)
    }
  }
  const log = createLog('scripted', new Partial())
  log('listener:drop')
  log('listener:open')
  assert.deepEqual(lines, ['it says listener:drop'])
})

test('what a logger throws is uncaught, and ends nothing of what told it', async (context) => {
  const thrown: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => void thrown.push(error))
  context.after(() => {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  })
  const failure = new Error('the disk of the log is full')
  const log = createLog('scripted', {
    debug: () => {
      throw failure
    },
  })
  log('key-pool:empty')
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual(thrown, [failure])
})

test('a connection that fails tells its events with bytes and code, and with no address', async (context) => {
  const heard = hear(context)
  const { logger, lines } = recordingLogger()
  const platform = createMemoryPlatform()
  const { transport } = scriptedTransport({
    server: { receive: () => ({ close: new PtError('PT_FRAME_INVALID', 'bad') }) },
  })
  const listener = transport.server({}, { platform, logger }).listen({ host: '192.0.2.77', port: 4711 })
  listener.on('connection', (connection) => connection.on('error', () => undefined))
  await platform.clock.settle()
  const client = transport.client({ token: 'topsecret' }, { platform, logger })
  const options = { host: '192.0.2.77', port: 4711, arguments: { utls: 'x', 'my-token': 'topsecret' } }
  const connection = client.connect(options)
  connection.on('error', () => undefined)
  await platform.clock.settle()
  connection.write('abc')
  await platform.clock.advance(100_000)
  const refused = client.connect({ host: '192.0.2.78', port: 4712 })
  refused.on('error', () => undefined)
  listener.close()
  await platform.clock.advance(100_000)
  const events = heard.map(({ event }) => event)
  for (const event of [
    'listener:open',
    'options:ignored',
    'connection:open',
    'connection:error',
    'connection:close',
    'listener:close',
  ])
    assert.ok(events.includes(event), `${event} among ${events.join(', ')}`)
  assert.deepEqual(
    lines.map(([, event]) => event),
    events,
  )
  const closed = heard.filter(
    ({ event, message }) => event === 'connection:close' && 'role' in message && message.role === 'server',
  )
  assert.deepEqual(
    closed.map(({ message }) => message),
    [{ transport: 'scripted', role: 'server', bytesRead: 0, bytesWritten: 0, wireBytesRead: 3, wireBytesWritten: 0 }],
  )
  const codes = heard
    .filter(({ event }) => event === 'connection:error')
    .map(({ message }) => 'code' in message && message.code)
  assert.deepEqual(codes, ['PT_FRAME_INVALID', 'ECONNREFUSED'])
  assert.doesNotMatch(inspect(heard, { depth: 9 }), /192\.0\.2|471[12]|topsecret/)
})

test('a handshake that fails is told with its code alone', async (context) => {
  const heard = hear(context)
  const platform = createMemoryPlatform()
  const { transport } = scriptedTransport({
    server: { start: () => NOTHING, receive: () => ({ close: new PtError('PT_HANDSHAKE_FAILED', 'bad') }) },
  })
  const listener = transport.server({}, { platform }).listen({ host: '192.0.2.77', port: 4711 })
  await platform.clock.settle()
  const connection = transport.client({ token: 't' }, { platform }).connect({ host: '192.0.2.77', port: 4711 })
  connection.on('error', () => undefined).end('x')
  await platform.clock.advance(200_000)
  const told = heard.filter(({ event }) => event === 'handshake:failed').map(({ message }) => message)
  assert.deepEqual(told, [{ transport: 'scripted', code: 'PT_HANDSHAKE_FAILED' }])
  connection.destroy()
  listener.close()
  await platform.clock.settle()
})

test("obfs4's events hold no key, cert or address", async (context) => {
  const heard = hear(context)
  const platform = createMemoryPlatform()
  const server = obfs4.server({}, { platform })
  const listener = server.listen({ host: '192.0.2.77', port: 4711 })
  await platform.clock.settle()
  const { cert } = listener.clientArguments
  const connection = obfs4.client({ cert: cert! }, { platform }).connect({ host: '192.0.2.77', port: 4711 })
  connection.on('error', () => undefined)
  await platform.clock.settle()
  connection.destroy()
  listener.close()
  await platform.clock.settle()
  const events = new Set(heard.map(({ event }) => event))
  for (const event of ['replay-filter:memory-only', 'key-pool:empty', 'connection:open'])
    assert.ok(events.has(event), event)
  const text = inspect(heard, { depth: 9 })
  assert.doesNotMatch(text, /192\.0\.2|4711/)
  assert.equal(text.includes(cert!.slice(0, 12)), false)
})

test('hearing of errors swallows none: an unhandled one is still thrown', async () => {
  const platform = createMemoryPlatform()
  const { transport } = scriptedTransport()
  const connection = transport.client({ token: 't' }, { platform }).connect({ host: '192.0.2.77', port: 4711 })
  const thrown = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve))
  await platform.clock.settle()
  const error = await thrown
  process.setUncaughtExceptionCaptureCallback(null)
  assert.equal(error instanceof Error && 'code' in error && error.code, 'ECONNREFUSED')
  assert.equal(connection.destroyed, true)
})
