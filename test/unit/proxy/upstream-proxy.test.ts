import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Address, ByteStream, Dialer } from '../../../src/core/platform.ts'
import { PROXIED_DATAGRAMS, createProxyDialer } from '../../../src/proxy/upstream-proxy.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { parseProxyUri, type ProxyUri } from '../../../src/wire/proxy-uri.ts'
import { type Watched, watchStream } from '../../support/watched-stream.ts'

const PROXY = { host: '192.0.2.1', port: 3128 }
const BRIDGE = { host: 'bridge.example', port: 443 }
const BRIDGE_HEX = Buffer.from(BRIDGE.host).toString('hex')

function proxyOf(uri: string): ProxyUri {
  const parsed = parseProxyUri(uri.replace('PROXY', '192.0.2.1:3128'))
  assert.ok('proxy' in parsed)
  return parsed.proxy
}

/** A dialer through a proxy that answers by `script`: for each of its lines (hex or text), once the client is silent, one answer. */
async function openScene(uri: string, { chop = false } = {}) {
  const { network, clock } = createMemoryPlatform()
  const proxies: Watched<ByteStream>[] = []
  const dialled: Address[] = []
  network.onLink = (link) => {
    if (chop) link.toClient.chop(1)
  }
  const acceptor = await network.bind(PROXY, {
    onStream: (stream) => proxies.push(watchStream(stream)),
    onError: () => undefined,
  })
  const recorder: Dialer = {
    dial(address, options) {
      dialled.push(address)
      return network.dial(address, options)
    },
  }
  const dialer = createProxyDialer(proxyOf(uri), recorder)
  const ending = new AbortController()
  const dial = (address: Address): Promise<ByteStream> => dialer.dial(address, { signal: ending.signal })
  const answer = async (bytes: Buffer | string): Promise<void> => {
    proxies[0]!.stream.write(bytes)
    await clock.settle()
  }
  return { network, clock, acceptor, proxies, dialled, dial, answer, ending }
}

/** Dials the bridge, gives the answers, and resolves with what came of it. */
async function converse(uri: string, answers: readonly (Buffer | string)[], options: { chop?: boolean } = {}) {
  const scene = await openScene(uri, options)
  const outcome = scene.dial(BRIDGE).then(
    (stream) => ({ stream: watchStream(stream), code: undefined, message: undefined }),
    (error: NodeJS.ErrnoException) => ({ stream: undefined, code: error.code, message: error.message }),
  )
  await scene.clock.settle()
  for (const bytes of answers) await scene.answer(bytes)
  assert.deepEqual(scene.dialled, [PROXY], 'the proxy and nothing else is dialled')
  return { ...scene, ...(await outcome), sent: scene.proxies[0]!.received() }
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const GRANTED = '05 00 00 01 7f000001 0001'

const TUNNELS = [
  {
    uri: 'http://Aladdin:open sesame@PROXY',
    sent: Buffer.from(
      'CONNECT bridge.example:443 HTTP/1.1\r\nHost: bridge.example:443\r\n' +
        'Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n',
    ),
    answers: ['HTTP/1.1 200 Connection established\r\nX: y\r\n\r\n'],
  },
  {
    uri: 'socks4a://who@PROXY',
    sent: hex(`04 01 01bb 00000001 77686f 00 ${BRIDGE_HEX} 00`),
    answers: [hex('00 5a 0000 00000000')],
  },
  {
    uri: 'socks5://PROXY',
    sent: hex(`05 01 00 05 01 00 03 0e ${BRIDGE_HEX} 01bb`),
    answers: [hex('05 00'), hex(GRANTED)],
  },
  {
    uri: 'socks5://us:pw@PROXY',
    sent: hex(`05 02 02 00 01 02 7573 02 7077 05 01 00 03 0e ${BRIDGE_HEX} 01bb`),
    answers: [hex('05 02'), hex('01 00'), hex(`05 00 00 03 01 61 0001`)],
  },
]

for (const { uri, sent, answers } of TUNNELS) {
  test(`opens a tunnel by name through ${uri}, and hands on the bytes that follow the answer`, async () => {
    for (const chop of [false, true]) {
      const last = Buffer.concat([Buffer.from(answers.at(-1)!), Buffer.from('first bytes')])
      const result = await converse(uri, [...answers.slice(0, -1), last], { chop })
      assert.deepEqual(result.sent, sent)
      await result.clock.settle()
      assert.equal(result.stream?.received().toString(), 'first bytes')
      result.stream?.stream.write('hello')
      await result.clock.settle()
      assert.equal(result.proxies[0]!.received().subarray(sent.length).toString(), 'hello')
    }
  })

  test(`rejects when ${uri} ends, resets or answers garbage`, async () => {
    const garbage = await converse(uri, [Buffer.from('\x07\x07 no such protocol')])
    assert.equal(garbage.code, 'PT_PROXY_FAILED')
    assert.deepEqual(garbage.proxies[0]!.events, ['end'])
    for (const [how, code] of [
      ['fin', 'PT_PROXY_FAILED'],
      ['reset', 'ECONNRESET'],
    ] as const) {
      const scene = await openScene(uri)
      const dialling = assert.rejects(scene.dial(BRIDGE), { code })
      await scene.clock.settle()
      scene.network.links[0]!.toClient.truncate(0, how)
      await dialling
    }
  })

  test(`destroys the stream to ${uri} when the dial is given up`, async () => {
    const scene = await openScene(uri)
    const reason = new Error('enough')
    const dialling = assert.rejects(scene.dial(BRIDGE), reason)
    await scene.clock.settle()
    scene.ending.abort(reason)
    await dialling
    await scene.clock.settle()
    assert.deepEqual(scene.proxies[0]!.events, ['end'])
    await assert.rejects(scene.dial(BRIDGE), reason)
    assert.equal(scene.dialled.length, 1)
  })

  test(`rejects when the stream to ${uri} is destroyed here`, async () => {
    const scene = await openScene(uri)
    const dialling = assert.rejects(scene.dial(BRIDGE), { code: 'PT_PROXY_FAILED' })
    await scene.clock.settle()
    scene.network.links[0]!.client.destroy()
    await dialling
  })

  test(`fails closed when ${uri} is dead`, async () => {
    const scene = await openScene(uri)
    await scene.acceptor.close()
    await assert.rejects(scene.dial(BRIDGE), { code: 'ECONNREFUSED' })
    assert.deepEqual(scene.dialled, [PROXY])
  })

  test(`dials nothing for a destination that ${uri} cannot carry`, async () => {
    const scene = await openScene(uri)
    for (const address of [{ path: '/run/x' }, { host: 'a'.repeat(300), port: 1 }]) {
      if ('host' in address && uri.startsWith('http')) continue
      await assert.rejects(scene.dial(address), { code: 'PT_ADDRESS_INVALID' })
    }
    if (uri.startsWith('http')) {
      await assert.rejects(scene.dial({ host: 'a b', port: 1 }), { code: 'PT_ADDRESS_INVALID' })
    }
    assert.deepEqual(scene.dialled, [])
  })
}

test('destroys a stream that came just after the dial was given up', async () => {
  const { network, clock } = createMemoryPlatform()
  await network.bind(PROXY, { onStream: () => undefined, onError: () => undefined })
  const ending = new AbortController()
  const reason = new Error('enough')
  const late: Dialer = {
    async dial(address) {
      const stream = await network.dial(address, { signal: new AbortController().signal })
      ending.abort(reason)
      return stream
    },
  }
  const dialer = createProxyDialer(proxyOf('socks5://PROXY'), late)
  await assert.rejects(dialer.dial(BRIDGE, { signal: ending.signal }), reason)
  await clock.settle()
  assert.equal(network.links[0]!.client.destroyed, true)
})

test('rejects with the code that a direct dial would have had, or by its own where the proxy gives no reason', async () => {
  const reply = (code: string) => [hex('05 00'), hex(`05 ${code} 00 01 00000000 0000`)]
  const refusals = [
    ['http://PROXY', ['HTTP/1.1 407 Who are you?\r\n\r\n'], 'EACCES'],
    ['http://PROXY', ['HTTP/1.1 504 Late\r\n\r\n'], 'ETIMEDOUT'],
    ['http://PROXY', ['HTTP/1.1 302 Elsewhere\r\n\r\n'], 'PT_PROXY_FAILED'],
    ['socks4a://PROXY', [hex('00 5b 0000 00000000')], 'PT_PROXY_FAILED'],
    ['socks5://PROXY', [hex('05 ff')], 'EACCES'],
    ['socks5://us:pw@PROXY', [hex('05 02'), hex('01 01')], 'EACCES'],
    ['socks5://PROXY', reply('01'), 'PT_PROXY_FAILED'],
    ['socks5://PROXY', reply('03'), 'ENETUNREACH'],
    ['socks5://PROXY', reply('05'), 'ECONNREFUSED'],
  ] as const
  for (const [uri, answers, code] of refusals) {
    const result = await converse(uri, answers)
    assert.equal(result.code, code, `${uri} ${String(answers.at(-1))}`)
    assert.doesNotMatch(result.message ?? '', /bridge|192/)
    assert.deepEqual(result.proxies[0]!.events, ['end'])
  }
})

test('sends no credentials to a proxy that chose a method it was not offered, or that wants none', async () => {
  const unoffered = await converse('socks5://PROXY', [hex('05 02')])
  assert.deepEqual([unoffered.code, unoffered.sent.toString('hex')], ['EACCES', '050100'])
  const open = await converse('socks5://us:pw@PROXY', [hex('05 00'), hex(GRANTED)])
  assert.equal(open.sent.includes('pw'), false)
  assert.ok(open.stream)
})

test('lets no datagram go around the proxy', async () => {
  const to = { host: '192.0.2.7', port: 443 }
  const handlers = { onMessage: () => {}, onError: () => {} }
  const refused = { code: 'PT_PACKETS_UNSUPPORTED' }
  await assert.rejects(PROXIED_DATAGRAMS.bind(to, handlers), refused)
  await assert.rejects(PROXIED_DATAGRAMS.connect(to, handlers, { signal: new AbortController().signal }), refused)
})
