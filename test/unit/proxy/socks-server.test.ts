import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { missingOption } from '../../../src/core/options.ts'
import { systemError } from '../../../src/testing/memory-stream.ts'
import { encodeSocks4Request } from '../../../src/wire/socks4.ts'
import { encodeCredentials, encodeMethods, encodeParameters, encodeSocks5Request } from '../../../src/wire/socks5.ts'
import { PT_SERVER, openSocksScene } from '../../support/socks-scene.ts'

const NO_METHOD = encodeMethods([0])
const REQUEST = encodeSocks5Request(PT_SERVER)
const REPLY = (code: string): string => `05${code}0001000000000000`

test('connects SOCKS4, SOCKS4a and SOCKS5 clients on one listener and relays both ways', async () => {
  const { client, accepted, platform } = await openSocksScene()
  const conversations = [
    { pieces: [encodeSocks4Request(PT_SERVER, Buffer.alloc(0))], answer: '005a000000000000' },
    { pieces: [encodeSocks4Request({ host: '0.0.0.9', port: 1 }, Buffer.from('k=v'))], answer: '005b000000000000' },
    { pieces: [NO_METHOD, REQUEST], answer: `0500${REPLY('00')}` },
  ]
  for (const { pieces, answer } of conversations) {
    const { received } = await client(...pieces)
    assert.equal(received().toString('hex'), answer)
  }
  const { stream, received } = await client(NO_METHOD, REQUEST)
  const server = accepted.at(-1)!
  stream.write('ping')
  server.stream.write('pong')
  await platform.clock.settle()
  assert.equal(server.received().toString(), 'ping')
  assert.equal(received().subarray(12).toString(), 'pong')
})

test('hands on the destination and the arguments', async () => {
  const { client, requests } = await openSocksScene()
  const credentials = encodeCredentials({ username: Buffer.from('cert=a'), password: Buffer.of(0) })
  await client(encodeMethods([0, 2]), credentials, encodeSocks5Request({ host: 'example.com', port: 9 }))
  await client(encodeSocks4Request(PT_SERVER, Buffer.from('iat-mode=1')))
  assert.deepEqual(JSON.parse(JSON.stringify(requests)), [
    { destination: { host: 'example.com', port: 9 }, arguments: { cert: 'a' }, form: 'pairs' },
    { destination: PT_SERVER, arguments: { 'iat-mode': '1' }, form: 'pairs' },
  ])
})

test('delivers what a client sends ahead of every reply, and its FIN', async () => {
  const { client, accepted, platform } = await openSocksScene()
  const { stream } = await client()
  platform.network.holdDials()
  stream.write(Buffer.concat([NO_METHOD, REQUEST, Buffer.from('early ')]))
  await platform.clock.settle()
  stream.end('bird')
  await platform.clock.settle()
  assert.equal(accepted.length, 0)
  platform.network.releaseDials()
  await platform.clock.settle()
  assert.equal(accepted[0]!.received().toString(), 'early bird')
  assert.deepEqual(accepted[0]!.events, ['end'])
})

test('ends the other side of a client that ended before it was connected, with nothing sent', async () => {
  const { client, accepted, platform } = await openSocksScene()
  const { stream, received } = await client(NO_METHOD)
  platform.network.holdDials()
  stream.end(REQUEST)
  await platform.clock.settle()
  platform.network.releaseDials()
  await platform.clock.settle()
  assert.deepEqual(accepted[0]!.events, ['end'])
  accepted[0]!.stream.end('answer')
  await platform.clock.settle()
  assert.equal(received().subarray(12).toString(), 'answer')
})

test('replies by what made the connection fail, then ends with FIN', async () => {
  const { client, platform } = await openSocksScene()
  const refused = await client(NO_METHOD, encodeSocks5Request({ host: '192.0.2.9', port: 1 }))
  assert.equal(refused.received().toString('hex'), `0500${REPLY('05')}`)
  assert.deepEqual(refused.events, ['end'])
  refused.stream.end()
  await platform.clock.settle()
  assert.deepEqual(refused.events, ['end', 'close'])
})

test('drops what a client sent ahead of a connection that failed, so that no reset overtakes the reply', async () => {
  const { client, platform } = await openSocksScene()
  const request = encodeSocks5Request({ host: '192.0.2.9', port: 1 })
  const { received, events, stream } = await client(Buffer.concat([NO_METHOD, request, Buffer.alloc(200_000)]))
  stream.end(Buffer.alloc(200_000))
  await platform.clock.settle()
  assert.equal(received().toString('hex'), `0500${REPLY('05')}`)
  assert.deepEqual(events, ['end', 'close'])
})

test('replies 01 when the connection is given up without an error', async () => {
  const connection = Object.assign(new PassThrough(), { connecting: true })
  const { client, platform } = await openSocksScene({ connect: () => connection })
  const { received } = await client(NO_METHOD, REQUEST)
  assert.equal(received().toString('hex'), '0500')
  connection.destroy()
  await platform.clock.settle()
  assert.equal(received().toString('hex'), `0500${REPLY('01')}`)
})

test('replies 06 when the dial takes too long', async () => {
  const { client, platform } = await openSocksScene()
  const { received, stream } = await client(NO_METHOD)
  platform.network.holdDials()
  stream.write(REQUEST)
  await platform.clock.advance(29_999)
  assert.equal(received().toString('hex'), '0500')
  await platform.clock.advance(1)
  assert.equal(received().toString('hex'), `0500${REPLY('06')}`)
})

test('replies 01 to wrong options in pairs and 13 in JSON, and in SOCKS4 by its one refusal', async () => {
  const connect = (): never => {
    throw missingOption('cert')
  }
  const { client } = await openSocksScene({ connect })
  const pairs = await client(NO_METHOD, REQUEST)
  assert.equal(pairs.received().toString('hex'), `0500${REPLY('01')}`)
  const json = await client(encodeMethods([9]), encodeParameters(Buffer.from('{}')), REQUEST)
  assert.equal(json.received().toString('hex'), `0509${REPLY('13')}`)
  const old = await client(encodeSocks4Request(PT_SERVER, Buffer.alloc(0)))
  assert.equal(old.received().toString('hex'), '005b000000000000')
})

test('checks a JSON block before the request has come', async () => {
  const checked: object[] = []
  const checkParameters = (parameters: object): void => {
    checked.push({ ...parameters })
    throw missingOption('cert')
  }
  const { client, requests } = await openSocksScene({ checkParameters })
  const { received } = await client(encodeMethods([9]), encodeParameters(Buffer.from('{"a":1}')))
  assert.equal(received().toString('hex'), `0509${REPLY('13')}`)
  assert.deepEqual([checked, requests], [[{ a: '1' }], []])
})

test('gives a request 10 s, and says so where the protocol can', async () => {
  const { client, platform } = await openSocksScene()
  const silent = await client()
  const slow = await client(NO_METHOD, REQUEST.subarray(0, 5))
  const json = await client(encodeMethods([9]), Buffer.of(0, 0))
  await platform.clock.advance(9_999)
  assert.deepEqual([silent.events, slow.events], [[], []])
  await platform.clock.advance(1)
  assert.deepEqual([silent.events, slow.events, json.events], [['end'], ['end'], ['end']])
  assert.equal(slow.received().toString('hex'), `0500${REPLY('06')}`)
  assert.equal(json.received().toString('hex'), `0509${REPLY('11')}`)
})

test('closes a refused client that does not end, after it dropped what it sent', async () => {
  const { client, platform, server } = await openSocksScene()
  const { stream, events } = await client(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  stream.write(Buffer.alloc(100_000))
  await platform.clock.advance(999)
  assert.deepEqual([events, server.connectionCount], [['end'], 1])
  await platform.clock.advance(1)
  assert.equal(server.connectionCount, 0)
  stream.end()
  await platform.clock.settle()
  assert.deepEqual(events, ['end', 'close'])
})

test('ends a client that ends before its request', async () => {
  const { client, platform, server, log } = await openSocksScene()
  const { stream, events } = await client(Buffer.of(5))
  stream.end()
  await platform.clock.settle()
  assert.deepEqual([events, server.connectionCount], [['end', 'close'], 0])
  assert.deepEqual(log, ['socks:refused the client ended before its request'])
})

test('gives up the dial of a client that breaks off', async () => {
  const { client, platform, server } = await openSocksScene()
  const { stream } = await client(NO_METHOD)
  platform.network.holdDials()
  stream.write(REQUEST)
  await platform.clock.settle()
  stream.resetAndDestroy()
  await platform.clock.settle()
  assert.equal(server.connectionCount, 0)
  assert.equal(platform.clock.timerCount, 0, 'nor the timer of the dial is left')
  await server.drained()
})

test('destroys connected and connecting clients, and leaves nothing', async () => {
  const { client, server, platform, accepted } = await openSocksScene()
  const connected = await client(NO_METHOD, REQUEST)
  const connecting = await client(NO_METHOD)
  platform.network.holdDials()
  connecting.stream.write(REQUEST)
  await platform.clock.settle()
  await server.destroy()
  await platform.clock.settle()
  assert.deepEqual([connected.events, connecting.events], [['end'], ['end']])
  for (const { stream } of [connected, connecting, accepted[0]!]) stream.destroy()
  await platform.clock.settle()
  assert.deepEqual([platform.network.openStreamCount, platform.clock.timerCount], [0, 0])
})

test('logs a failure by its reason and code, never by address or argument', async () => {
  const { client, log } = await openSocksScene()
  const credentials = encodeCredentials({ username: Buffer.from('SECRET'), password: Buffer.of(0) })
  await client(encodeMethods([2]), credentials)
  await client(NO_METHOD, encodeSocks5Request({ host: '192.0.2.9', port: 1 }))
  assert.deepEqual(log, [
    'socks:refused user name and password hold no arguments',
    'socks:refused the connection failed 5 ECONNREFUSED',
  ])
})

test('logs a connection without a word of where it goes', async () => {
  const events: unknown[] = []
  const { client } = await openSocksScene({ logger: { debug: (event, fields) => void events.push([event, fields]) } })
  await client(NO_METHOD, REQUEST)
  assert.deepEqual(events, [['socks:connected', {}]])
})

test('logs destination, arguments and message of each connection under unsafe logging', async () => {
  const events: unknown[] = []
  const note = (event: string, fields: object): void => void events.push([event, fields])
  const { client } = await openSocksScene({ logger: { debug: note, info: note }, unsafeLogging: true })
  const credentials = encodeCredentials({ username: Buffer.from('cert=a'), password: Buffer.of(0) })
  const nobody = { host: '192.0.2.9', port: 1 }
  await client(encodeMethods([2]), credentials, encodeSocks5Request(PT_SERVER))
  await client(encodeMethods([2]), credentials, encodeSocks5Request(nobody))
  const facts = { reason: 'the connection failed', reply: 5, code: 'ECONNREFUSED', message: 'connect ECONNREFUSED' }
  assert.deepEqual(events, [
    ['socks:connected', { ...PT_SERVER, arguments: '{"cert":"a"}' }],
    ['socks:refused', { ...facts, ...nobody, arguments: '{"cert":"a"}' }],
  ])
})

test('logs why a JSON block was refused before its request, and its arguments under unsafe logging alone', async () => {
  const checkParameters = (): never => {
    throw missingOption('cert')
  }
  const cause = { message: 'Option "cert" is missing', arguments: '{"a":"1"}' }
  for (const unsafeLogging of [false, true]) {
    const events: unknown[] = []
    const logger = { info: (_event: string, fields: object) => void events.push(fields) }
    const { client } = await openSocksScene({ checkParameters, logger, unsafeLogging })
    await client(encodeMethods([9]), encodeParameters(Buffer.from('{"a":1}')))
    const facts = { reason: 'the parameters do not suit the transport', code: 'PT_OPTION_MISSING' }
    assert.deepEqual(events, [{ ...facts, ...(unsafeLogging && cause) }])
  }
})

test('closes clients beyond its limit at once', async () => {
  const { client, log, server } = await openSocksScene({ maxConnections: 1 })
  const first = await client(NO_METHOD)
  const second = await client()
  assert.equal(first.received().toString('hex'), '0500')
  assert.deepEqual([second.events, server.connectionCount, log], [['end'], 1, ['socks:full']])
})

test('lets connections go on after close, and tells when the last has gone', async () => {
  const { client, server, platform, accepted } = await openSocksScene()
  const { stream } = await client(NO_METHOD, REQUEST)
  await server.close()
  await assert.rejects(client(), { code: 'ECONNREFUSED' })
  let isDrained = false
  const drained = server.drained().then(() => {
    isDrained = true
  })
  accepted[0]!.stream.write('still here')
  await platform.clock.settle()
  assert.equal(isDrained, false)
  stream.end()
  accepted[0]!.stream.end()
  await drained
  await platform.clock.settle()
  assert.equal(platform.network.openStreamCount, 0)
})

test('rejects with the error of an address that cannot be bound, and hands on that of a listener which fails', async () => {
  const errors: Error[] = []
  const { platform } = await openSocksScene({ onError: (error) => errors.push(error) })
  await assert.rejects(openSocksScene({ platform, address: { host: '127.0.0.1', port: 1080 } }), { code: 'EADDRINUSE' })
  platform.network.failAcceptors(systemError('EIO', 'accept'))
  assert.equal(errors.length, 1)
})

test('leaves nothing behind when 500 clients come and go', async () => {
  const { client, platform, server } = await openSocksScene()
  for (let index = 0; index < 500; index++) {
    const { stream } = await client(...(index % 2 === 0 ? [Buffer.concat([NO_METHOD, REQUEST])] : [NO_METHOD]))
    if (index % 3 === 0) stream.resetAndDestroy()
    else stream.destroy()
  }
  await platform.clock.advance(120_000)
  assert.deepEqual([server.connectionCount, platform.clock.timerCount], [0, 0])
})
