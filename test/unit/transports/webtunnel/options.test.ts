import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clientOptions, serverOptions } from '../../../../src/transports/webtunnel/options.ts'
import { webtunnel } from '../../../../src/transports/webtunnel/index.ts'
import { isTrusted, parseForwardedFor } from '../../../../src/transports/webtunnel/forwarded.ts'
import { syntheticAddressOf } from '../../../../src/transports/webtunnel/synthetic-address.ts'
import type { Dialer } from '../../../../src/core/platform.ts'
import { createMemoryPlatform } from '../../../../src/testing/memory-platform.ts'

const HASH = Buffer.alloc(32, 7).toString('base64')
const complete = (args: Record<string, string>) =>
  clientOptions.complete(clientOptions.parseArguments(args, 'bridge-line', { unknown: 'reject' }))

test('a url gives what is dialled, the name and the path', () => {
  for (const [url, expected] of [
    ['https://bridge.example/secret?x#y', ['bridge.example', 443, '/secret']],
    ['http://bridge.example:8080', ['bridge.example', 8080, '/']],
    ['https://[2001:db8::1]/a%20b', ['2001:db8::1', 443, '/a%20b']],
  ] as const) {
    const { url: parsed, addresses, servernames } = complete({ url })
    assert.deepEqual([parsed.host, parsed.port, parsed.path], expected)
    assert.deepEqual(addresses, [{ host: expected[0], port: expected[1] }])
    assert.deepEqual(servernames, [expected[0]])
  }
})

test('addr and servername stand for those of the url, and may be lists', () => {
  const url = 'https://bridge.example/secret'
  const options = complete({
    url,
    addr: '192.0.2.1:443,[2001:db8::1]:8443',
    servername: 'a.example,b.example',
    cert: HASH,
  })
  assert.deepEqual(options.addresses, [
    { host: '192.0.2.1', port: 443 },
    { host: '2001:db8::1', port: 8443 },
  ])
  assert.deepEqual(options.servernames, ['a.example', 'b.example'])
  assert.deepEqual(Buffer.from(options.pin!), Buffer.alloc(32, 7))
  assert.deepEqual(complete({ url, utls: 'hellochrome_auto', 'sni-imitation': 'x' }).ignored, ['utls', 'sni-imitation'])
  assert.deepEqual(complete({ url, utls: 'none', ver: '0.0.3' }).ignored, [])
})

test('refuses what is no url, address, name or hash, and a pin without TLS', () => {
  const url = 'https://bridge.example/secret'
  for (const args of [
    { url: 'ftp://bridge.example/' },
    { url: 'https://user@bridge.example/' },
    { url: 'bridge.example' },
    { url: `https://bridge.example/${'x'.repeat(2_048)}` },
    { url, addr: 'bridge.example' },
    { url, addr: '192.0.2.1:70000' },
    { url, addr: Array.from({ length: 17 }, () => '192.0.2.1:1').join(',') },
    { url, servername: 'a.example\r\nX: y' },
    { url, servername: '' },
    { url, cert: 'AAAA' },
    { url: 'http://bridge.example/secret', cert: HASH },
  ] as Record<string, string>[])
    assert.throws(() => complete(args), { code: 'PT_OPTION_INVALID' }, JSON.stringify(args))
  assert.throws(() => complete({}), { code: 'PT_OPTION_MISSING' })
})

test('no file, certificate authority or way of dialling comes with a connection or a bridge line', () => {
  for (const source of ['connection', 'bridge-line'] as const) {
    for (const args of [{ ca: '-----BEGIN CERTIFICATE-----' }, { dial: 'destination' }] as Record<string, string>[])
      assert.throws(() => clientOptions.parseArguments(args, source, { unknown: 'ignore' }), {
        code: 'PT_OPTION_FORBIDDEN',
      })
    for (const name of ['tls-cert', 'tls-key', 'site', 'url'])
      assert.throws(() => serverOptions.parseArguments({ [name]: 'x' }, source, { unknown: 'ignore' }), {
        code: 'PT_OPTION_FORBIDDEN',
      })
  }
})

test('a server needs a url with a path, and certificate and key together', () => {
  const url = 'https://bridge.example/secret'
  assert.throws(() => webtunnel.server({}), { code: 'PT_OPTION_MISSING', message: /"url"/ })
  assert.throws(() => webtunnel.server({ url: 'https://bridge.example' }), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => webtunnel.server({ url, tlsCert: 'x' }), { code: 'PT_OPTION_MISSING', message: /"tls-key"/ })
  assert.throws(() => webtunnel.server({ url, tlsKey: 'x' }), { code: 'PT_OPTION_MISSING', message: /"tls-cert"/ })
})

test('a client warns once of each option that it ignores', async () => {
  const platform = createMemoryPlatform()
  const told: object[] = []
  const logger = { warn: (event: string, fields: object) => void told.push({ event, ...fields }) }
  const factory = webtunnel.client({ url: 'http://bridge.example/x', utls: 'hellofirefox_auto' }, { platform, logger })
  for (let count = 0; count < 2; count++) factory.connect({ port: 1 }).on('error', () => {})
  await platform.clock.settle()
  assert.deepEqual(told, [{ event: 'tls:imitation-ignored', transport: 'webtunnel', name: 'utls' }])
})

test('of several addresses the first that is there is dialled, and the last error is told', async () => {
  const platform = createMemoryPlatform()
  const listener = webtunnel.server({ url: 'http://b.example/x' }, { platform }).listen({ host: '192.0.2.2', port: 80 })
  await platform.clock.settle()
  const factory = webtunnel.client({ url: 'http://b.example/x', addr: '192.0.2.1:80,192.0.2.2:80' }, { platform })
  const connection = factory.connect({ port: 1 })
  await platform.clock.settle()
  assert.equal(connection.readyState, 'open')
  connection.destroy()
  listener.close()
  listener.closeAllConnections()
  await platform.clock.settle()
  const lost = factory.connect({ port: 1 })
  let code: unknown
  lost.on('error', (error: NodeJS.ErrnoException) => (code = error.code))
  await platform.clock.settle()
  assert.equal(code, 'ECONNREFUSED')
})

test('an address that does not answer costs the next one 5 s, not its turn', async () => {
  const platform = createMemoryPlatform()
  const { dialer } = platform
  const aborted: unknown[] = []
  const silent: Dialer = {
    dial: async (address, { signal }) => {
      if (!('host' in address) || address.host !== '192.0.2.1') return dialer.dial(address, { signal })
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => {
          aborted.push(address.host)
          reject(signal.reason as Error)
        }),
      )
    },
  }
  const { clock } = platform
  const listener = webtunnel.server({ url: 'http://b.example/x' }, { platform }).listen({ host: '192.0.2.2', port: 80 })
  await clock.settle()
  const args = { url: 'http://b.example/x', addr: '192.0.2.1:80,192.0.2.2:80' }
  const factory = webtunnel.client(args, { platform: { ...platform, dialer: silent } })
  const connection = factory.connect({ port: 1 })
  const given = factory.connect({ port: 1 }).on('error', () => {})
  await clock.advance(4_999)
  given.destroy()
  await clock.settle()
  assert.deepEqual([connection.readyState, aborted.length], ['opening', 1])
  await clock.advance(1)
  assert.deepEqual([connection.readyState, aborted.length], ['open', 2])
  connection.destroy()
  listener.close()
  listener.closeAllConnections()
  await clock.settle()
  assert.equal(clock.timerCount, 0)
})

test('the address in bridge lines is within 2001:db8::/32, port 443, and follows from the text of the url', () => {
  const [one, other] = ['https://bridge.example/a', 'https://bridge.example/b'].map(syntheticAddressOf)
  assert.match(one!.host, /^2001:db8:/)
  assert.equal(one!.port, 443)
  assert.deepEqual(syntheticAddressOf('https://bridge.example/a'), one)
  assert.notEqual(one!.host, other!.host)
})

test('X-Forwarded-For is believed for its last element, and of the trusted alone', () => {
  for (const [field, peer] of [
    ['203.0.113.7', ['203.0.113.7', 60_000]],
    ['192.0.2.66, 203.0.113.7', ['203.0.113.7', 60_000]],
    ['2001:DB8::7', ['2001:db8::7', 60_000]],
    ['[2001:db8::7]:80', ['2001:db8::7', 80]],
    ['203.0.113.7:4711', ['203.0.113.7', 4711]],
  ] as const) {
    const { remoteAddress, remotePort } = parseForwardedFor(field)!
    assert.deepEqual([remoteAddress, remotePort], peer, field)
  }
  for (const field of [undefined, '', 'unknown', '203.0.113.7,', '999.0.0.1', '203.0.113.7:99999', '203.0.113.7 x'])
    assert.equal(parseForwardedFor(field), undefined, field)
  for (const [trust, address, isBelieved] of [
    ['loopback', '127.0.0.1', true],
    ['loopback', '::ffff:127.0.0.2', true],
    ['loopback', '::1', true],
    ['loopback', undefined, true],
    ['loopback', '192.0.2.1', false],
    ['loopback', '127.0.0.1.example', false],
    ['always', '192.0.2.1', true],
    ['never', '127.0.0.1', false],
  ] as const)
    assert.equal(isTrusted(trust, address), isBelieved, `${trust} ${address}`)
})
