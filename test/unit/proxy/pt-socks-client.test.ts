import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteStream } from '../../../src/core/platform.ts'
import type { Arguments } from '../../../src/core/transport.ts'
import { type PtSocksPort, dialPtSocks } from '../../../src/proxy/pt-socks-client.ts'
import { SocksNegotiation, type SocksRequest } from '../../../src/proxy/socks-negotiation.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { type Watched, watchStream } from '../../support/watched-stream.ts'

const ADDRESS = { host: '127.0.0.1', port: 1080 }
const BRIDGE = { host: '192.0.2.9', port: 443 }
const GRANTED = '05000001000000000000'

/** A PT client in memory at the end of every dial; what it gets is watched. */
async function openScene({ version = 'socks5', args = {}, destination = BRIDGE }: Partial<Asked> = {}) {
  const { network, clock } = createMemoryPlatform()
  const children: Watched<ByteStream>[] = []
  await network.bind(ADDRESS, {
    onStream: (stream) => children.push(watchStream(stream)),
    onError: () => undefined,
  })
  const ending = new AbortController()
  const dialling = dialPtSocks(
    { version, address: ADDRESS },
    { destination, arguments: args },
    { dialer: network, signal: ending.signal },
  )
  const outcome = dialling.then(
    (stream) => ({ stream, error: undefined }),
    (error: NodeJS.ErrnoException) => ({ stream: undefined, error }),
  )
  await clock.settle()
  return { network, clock, children, ending, outcome }
}

interface Asked {
  readonly version: PtSocksPort['version']
  readonly args: Arguments
  readonly destination: { readonly host: string; readonly port: number }
}

/** Answers as `answers` say, each once the caller is silent. */
async function converse(asked: Partial<Asked>, answers: readonly string[]) {
  const scene = await openScene(asked)
  for (const answer of answers) {
    scene.children[0]!.stream.write(Buffer.from(answer.replaceAll(' ', ''), 'hex'))
    await scene.clock.settle()
  }
  return { ...scene, ...(await scene.outcome), sent: scene.children[0]!.received().toString('hex') }
}

/** Answers as our own listener for SOCKS does; resolves with what was asked of it. */
async function converseWithOurs(asked: Partial<Asked>): Promise<SocksRequest> {
  const scene = await openScene(asked)
  const child = scene.children[0]!
  const negotiation = new SocksNegotiation()
  let seen = 0
  for (;;) {
    const bytes = child.received().subarray(seen)
    seen += bytes.length
    const step = negotiation.receive(Buffer.from(bytes))
    child.stream.write(step.wire)
    if (step.state === 'refused') throw new Error(step.reason)
    if (step.state === 'requested') {
      child.stream.write(negotiation.encodeReply(0))
      await scene.clock.settle()
      assert.ok((await scene.outcome).stream)
      return step.request
    }
    await scene.clock.settle()
  }
}

test('asks for no method but none where there are no arguments, and hands on what follows the reply', async () => {
  const { stream, sent, clock } = await converse({}, ['0500', `${GRANTED}6869`])
  assert.equal(sent, '05010005010001c000020901bb')
  const { received } = watchStream(stream!)
  await clock.settle()
  assert.equal(received().toString(), 'hi')
})

test('tells arguments by JSON where that is chosen, the request right behind them', async () => {
  const { stream, sent } = await converse({ args: { cert: 'a=b', 'iat-mode': '0' } }, ['0509', GRANTED])
  const json = Buffer.from('{"cert":"a=b","iat-mode":"0"}')
  const length = json.length.toString(16).padStart(8, '0')
  assert.equal(sent, `05020902${length}${json.toString('hex')}05010001c000020901bb`)
  assert.ok(stream)
})

test('tells arguments by user name, and a NUL as password, where that is chosen', async () => {
  const { stream, sent } = await converse({ args: { cert: 'a;b' } }, ['0502', '0100', GRANTED])
  const pairs = Buffer.from('cert=a\\;b')
  assert.equal(sent, `050209020109${pairs.toString('hex')}010005010001c000020901bb`)
  assert.ok(stream)
})

for (const length of [255, 256, 509, 510]) {
  test(`tells ${length} bytes of arguments by user name and password together`, async () => {
    const value = 'x'.repeat(length - 2)
    const { stream, sent } = await converse({ args: { k: value } }, ['0502', '0100', GRANTED])
    assert.ok(stream)
    const bytes = Buffer.from(sent, 'hex').subarray(4)
    const username = bytes.subarray(2, 2 + bytes[1]!)
    const password = bytes.subarray(3 + username.length, 3 + username.length + bytes[2 + username.length]!)
    assert.equal(password.length, Math.max(1, length - 255))
    const told = length === 255 ? username : Buffer.concat([username, password])
    assert.equal(told.toString(), `k=${value}`)
    if (length === 255) assert.deepEqual(password, Buffer.of(0))
  })
}

test('offers JSON alone for longer arguments, and names them where that is refused', async () => {
  const args = { k: 'x'.repeat(509) }
  const accepted = await converse({ args }, ['0509', GRANTED])
  assert.equal(accepted.sent.slice(0, 6), '050109')
  assert.ok(accepted.stream)
  const { error, network } = await converse({ args }, ['05ff'])
  assert.equal(error?.code, 'PT_OPTION_INVALID')
  assert.match(error.message, /510 bytes/)
  assert.equal(network.openStreamCount, 1, 'the client has closed its end')
})

test('never goes on without its arguments', async () => {
  const { error, sent } = await converse({ args: { cert: 'a' } }, ['0500'])
  assert.equal(error?.code, 'PT_HANDSHAKE_FAILED')
  assert.equal(sent, '05020902')
})

test('speaks SOCKS4 with the arguments as USERID, and 4a for what is no IPv4 address', async () => {
  const plain = await converse({ version: 'socks4', args: { cert: 'a' } }, ['005a000000000000'])
  assert.equal(plain.sent, `040101bbc0000209${Buffer.from('cert=a').toString('hex')}00`)
  assert.ok(plain.stream)
  const destination = { host: 'bridge.example', port: 443 }
  const named = await converse({ version: 'socks4', destination }, ['005a000000000000'])
  assert.equal(named.sent, `040101bb0000000100${Buffer.from('bridge.example').toString('hex')}00`)
  const refused = await converse({ version: 'socks4' }, ['005b000000000000'])
  assert.equal(refused.error?.code, 'PT_HANDSHAKE_FAILED')
})

for (const version of ['socks4', 'socks5'] as const) {
  test(`is understood by our own listener, in ${version}`, async () => {
    const args = { cert: 'a=\\;b', 'iat-mode': '1', ключ: 'é' }
    const destination = { host: 'bridge.example', port: 443 }
    const request = await converseWithOurs({ version, args, destination })
    assert.deepEqual({ ...request.arguments }, args)
    assert.deepEqual({ ...request.destination }, destination)
    assert.equal(request.form, version === 'socks5' ? 'json' : 'pairs')
  })
}

const replies: readonly [reply: string, code: string][] = [
  ['01', 'PT_HANDSHAKE_FAILED'],
  ['02', 'EACCES'],
  ['03', 'ENETUNREACH'],
  ['04', 'EHOSTUNREACH'],
  ['05', 'ECONNREFUSED'],
  ['06', 'ETIMEDOUT'],
  ['07', 'PT_HANDSHAKE_FAILED'],
  ['08', 'EAFNOSUPPORT'],
  ['10', 'PT_OPTION_INVALID'],
  ['11', 'PT_HANDSHAKE_FAILED'],
  ['12', 'PT_OPTION_INVALID'],
  ['13', 'PT_OPTION_INVALID'],
]
for (const [reply, code] of replies) {
  test(`rejects with ${code} for the reply 0x${reply}, and closes`, async () => {
    const { error, network } = await converse({ args: { a: 'b' } }, ['0509', `05${reply}0001000000000000`])
    assert.equal(error?.code, code)
    assert.equal(network.links[0]!.client.destroyed, true)
  })
}

test('names the arguments when user name and password are not taken', async () => {
  const { error } = await converse({ args: { a: 'b' } }, ['0502', '0101'])
  assert.equal(error?.code, 'PT_OPTION_INVALID')
})

test('takes a bare close for a refusal, wherever it comes', async () => {
  for (const answers of [[], ['0500']]) {
    const scene = await openScene()
    for (const answer of answers) scene.children[0]!.stream.write(Buffer.from(answer, 'hex'))
    await scene.clock.settle()
    scene.children[0]!.stream.end()
    await scene.clock.settle()
    const { error } = await scene.outcome
    assert.equal(error?.code, 'PT_HANDSHAKE_FAILED')
    assert.match(error.message, /ended before/)
  }
})

test('takes what is not SOCKS for a refusal', async () => {
  const { error } = await converse({}, [Buffer.from('HTTP/1.1 400').toString('hex')])
  assert.equal(error?.code, 'PT_HANDSHAKE_FAILED')
})

test('gives up with its caller, and closes', async () => {
  const scene = await openScene()
  const reason = new Error('no longer wanted')
  scene.ending.abort(reason)
  assert.equal((await scene.outcome).error, reason)
  assert.equal(scene.network.links[0]!.client.destroyed, true)
})

for (const [title, asked, code] of [
  ['an argument without a name', { args: { '': 'x' } }, 'PT_OPTION_INVALID'],
  ['an argument with a NUL', { args: { a: 'x\0' } }, 'PT_OPTION_INVALID'],
  ['a USERID of more than 64 KiB', { version: 'socks4', args: { a: 'x'.repeat(65_536) } }, 'PT_ADDRESS_INVALID'],
  ['a parameter block of more than 64 KiB', { args: { a: 'x'.repeat(65_536) } }, 'PT_ADDRESS_INVALID'],
  ['a host that is too long', { destination: { host: 'h'.repeat(256), port: 1 } }, 'PT_ADDRESS_INVALID'],
] as const) {
  test(`dials nothing for ${title}`, async () => {
    const { network, outcome } = await openScene(asked)
    assert.equal((await outcome).error?.code, code)
    assert.equal(network.links.length, 0)
  })
}
