import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FakeClock } from '../../../../src/testing/fake-clock.ts'
import { ClientTunnelCodec, ServerTunnelCodec } from '../../../../src/transports/webtunnel/tunnel-codec.ts'
import { encodeRequest, encodeResponse } from '../../../../src/transports/webtunnel/upgrade.ts'

const GRANTED = 'HTTP/1.1 101 Switching Protocols\r\nServer: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n'
const REQUEST = encodeRequest('/secret', 'bridge.example')

test('the request is that of the reference client, byte for byte', () => {
  assert.equal(
    REQUEST.toString(),
    'GET /secret HTTP/1.1\r\nHost: bridge.example\r\nUser-Agent: Go-http-client/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
  assert.match(encodeRequest('/', '2001:db8::1').toString(), /\r\nHost: \[2001:db8::1\]\r\n/)
  assert.equal(
    encodeResponse().toString(),
    'HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
  )
})

test('a client is open with the 101, and keeps what comes with it', () => {
  for (const interim of ['', 'HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n']) {
    const codec = new ClientTunnelCodec(REQUEST)
    assert.deepEqual(codec.start(), { wire: [{ bytes: REQUEST }] })
    const step = codec.receive(Buffer.from(`${interim}${GRANTED}first words`))
    assert.equal(step.established, true)
    assert.equal(Buffer.from(step.data!).toString(), 'first words')
    assert.equal(Buffer.from(codec.receive(Buffer.from('more')).data!).toString(), 'more')
  }
})

test('a client tells the status of any other answer, and refuses what is none at once', () => {
  for (const [answer, message] of [
    ['HTTP/1.1 404 Not Found\r\n\r\n', /answered 404, not 101/],
    ['HTTP/1.0 302 \r\nLocation: /\r\n\r\n', /answered 302, not 101/],
    ['HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n', /something else/],
    ['HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n', /something else/],
    ['SSH-2.0-x', /no response of HTTP/],
    ['HTTP/1.1 101 Switching Protocols\r\n folded: x\r\n\r\n', /no response of HTTP/],
    [`HTTP/1.1 101 x\r\nX: ${'x'.repeat(16_384)}`, /no response of HTTP/],
  ] as const) {
    const step = new ClientTunnelCodec(REQUEST).receive(Buffer.from(answer))
    assert.equal(step.close?.code, 'PT_HANDSHAKE_FAILED', answer)
    assert.match(step.close.message, message)
  }
})

test('a server answers, and is open once the client has sent something or 50 ms have passed', () => {
  const clock = new FakeClock()
  const opened = [
    (codec: ServerTunnelCodec) => codec.receive(Buffer.from('client first')),
    (codec: ServerTunnelCodec) => codec.wake(),
    (codec: ServerTunnelCodec) => codec.finish(),
  ].map((then) => {
    const codec = new ServerTunnelCodec(clock)
    const answer = codec.receive(REQUEST)
    assert.deepEqual(answer, { wire: [{ bytes: encodeResponse() }], wakeAt: clock.monotonic() + 50 })
    return then(codec)
  })
  assert.deepEqual(
    opened.map(({ established, data }) => [established, data === undefined ? '' : Buffer.from(data).toString()]),
    [
      [true, 'client first'],
      [true, ''],
      [true, ''],
    ],
  )
})

test('a server keeps what a client sends with its request, against the rule', () => {
  const step = new ServerTunnelCodec(new FakeClock()).receive(Buffer.concat([REQUEST, Buffer.from('early')]))
  assert.equal(step.established, true)
  assert.equal(Buffer.from(step.data!).toString(), 'early')
})

test('a server refuses what asks for no tunnel', () => {
  for (const request of [
    'GET / HTTP/1.1\r\nHost: x\r\n\r\n',
    'POST / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n',
    'GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n',
    'GET / HTTP/1.1\r\nnonsense\r\n\r\n',
  ]) {
    const codec = new ServerTunnelCodec(new FakeClock())
    assert.equal(codec.receive(Buffer.from(request)).close?.code, 'PT_HANDSHAKE_FAILED', request)
  }
  assert.deepEqual(new ServerTunnelCodec(new FakeClock()).finish(), {})
})
