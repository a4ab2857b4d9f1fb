import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ByteStream } from '../../../src/core/platform.ts'
import { type ExtendedOrPortClient, dialExtendedOrPort } from '../../../src/proxy/extended-orport.ts'
import { createMemoryPlatform } from '../../../src/testing/index.ts'
import { COOKIE_FILE, OKAY, challengeClient } from '../../support/extended-orport-server.ts'
import { readExactly } from '../../support/read-exactly.ts'

const address = { host: '127.0.0.1', port: 9001 }
const client: ExtendedOrPortClient = { transport: 'obfs4', remoteAddress: '192.0.2.7', remotePort: 40_000 }
const description = '\x00\x01\x00\x0f192.0.2.7:40000\x00\x02\x00\x05obfs4\x00\x00\x00\x00'

/** Starts to dial an Extended ORPort in memory that does as `serve` says. */
function dial(
  serve: (stream: ByteStream) => Promise<void>,
  { readCookieFile = async () => COOKIE_FILE, who = client } = {},
) {
  const platform = createMemoryPlatform()
  const served = new Promise<void>((resolve, reject) => {
    const onStream = (stream: ByteStream) => {
      stream.on('error', () => {})
      serve(stream).then(resolve, reject)
    }
    void platform.network.bind(address, { onStream, onError: reject })
  })
  const abort = new AbortController()
  const dialled = dialExtendedOrPort({ address, readCookieFile }, who, platform, abort.signal)
  dialled.catch(() => {})
  return { platform, served, dialled, abort }
}

async function accept(stream: ByteStream, expected: string): Promise<void> {
  await challengeClient(stream)
  stream.write(Buffer.of(1))
  assert.equal((await readExactly(stream, expected.length)).toString('latin1'), expected)
}

test('authenticates, describes the client and hands the stream over with what follows OKAY', async () => {
  const { platform, served, dialled } = dial(async (stream) => {
    await accept(stream, description)
    stream.write(Buffer.concat([OKAY, Buffer.from('payload')]))
    assert.equal((await readExactly(stream, 5)).toString(), 'hello')
    stream.end()
  })
  const stream = await dialled
  assert.equal((await readExactly(stream, 7)).toString(), 'payload')
  stream.end('hello')
  await served
  assert.equal(platform.clock.timerCount, 0)
  for (const event of ['readable', 'end', 'error']) assert.equal(stream.listenerCount(event), 0, event)
})

test('skips bodies and replies that it does not know', async () => {
  const { dialled } = dial(async (stream) => {
    await accept(stream, description)
    stream.write(Buffer.from('1002000568656c6c6fabcd000010000003616263', 'hex'))
    stream.write('first')
  })
  assert.equal((await readExactly(await dialled, 5)).toString(), 'first')
})

test('takes everything one byte at a time', async () => {
  const { platform, dialled } = dial(async (stream) => {
    await accept(stream, description)
    stream.write(Buffer.concat([Buffer.from('1002000161', 'hex'), OKAY]))
  })
  platform.network.onLink = ({ toClient }) => toClient.chop(1)
  assert.ok(await dialled)
})

for (const [who, told] of [
  [{ ...client, remoteAddress: '2001:db8::1' }, '\x00\x01\x00\x13[2001:db8::1]:40000'],
  [{ ...client, remoteAddress: '::ffff:192.0.2.7' }, '\x00\x01\x00\x0f192.0.2.7:40000'],
  [{ ...client, remoteAddress: 'fe80::1%eth0' }, '\x00\x01\x00\x0f[fe80::1]:40000'],
  [{ ...client, remoteAddress: undefined }, ''],
  [{ ...client, remotePort: undefined }, ''],
  [{ ...client, remoteAddress: 'client.example' }, ''],
] as const) {
  test(`tells the address ${who.remoteAddress ?? 'unknown'} port ${who.remotePort ?? 'unknown'} as tor reads it`, async () => {
    const { dialled } = dial(
      async (stream) => {
        await accept(stream, `${told}\x00\x02\x00\x05obfs4\x00\x00\x00\x00`)
        stream.write(OKAY)
      },
      { who },
    )
    assert.ok(await dialled)
  })
}

const refusals: readonly [title: string, code: string, serve: (stream: ByteStream) => Promise<void>][] = [
  [
    'a server that does not offer SAFE_COOKIE',
    'PT_HANDSHAKE_FAILED',
    async (stream) => void stream.write(Buffer.of(2, 0)),
  ],
  [
    'a server without the cookie',
    'PT_HANDSHAKE_FAILED',
    (stream) => challengeClient(stream, { spoil: true }).catch(() => {}),
  ],
  [
    'a server that refuses the hash',
    'PT_HANDSHAKE_FAILED',
    async (stream) => {
      await challengeClient(stream)
      stream.write(Buffer.of(0))
    },
  ],
  [
    'a server that denies the client',
    'PT_HANDSHAKE_FAILED',
    async (stream) => {
      await accept(stream, description)
      stream.write(Buffer.from('10010000', 'hex'))
    },
  ],
  [
    'a server that ends in the middle of a reply',
    'PT_TRUNCATED',
    async (stream) => {
      await accept(stream, description)
      stream.end(OKAY.subarray(1))
    },
  ],
  ['a server that ends at once', 'PT_TRUNCATED', async (stream) => void stream.end()],
  ['a server that resets', 'ECONNRESET', async (stream) => void stream.resetAndDestroy?.()],
]
for (const [title, code, serve] of refusals) {
  test(`gives up, and destroys the stream, before ${title}`, async () => {
    const { platform, dialled } = dial(serve)
    await assert.rejects(dialled, { code })
    await platform.clock.settle()
    assert.equal(platform.network.links[0]!.client.destroyed, true)
    assert.equal(platform.clock.timerCount, 0)
  })
}

test('gives up after 5 s before a server that sends one reply after the other', async () => {
  const { platform, dialled } = dial(async (stream) => {
    await accept(stream, description)
    stream.write(Buffer.from('10020000'.repeat(100), 'hex'))
  })
  await platform.clock.advance(4_999)
  assert.equal(platform.network.links[0]!.client.destroyed, false)
  await platform.clock.advance(1)
  await assert.rejects(dialled, { code: 'PT_HANDSHAKE_TIMEOUT' })
  assert.equal(platform.network.links[0]!.client.destroyed, true)
})

test('gives up after 5 s while the dial is not done', async () => {
  const { platform, dialled } = dial(async () => {})
  platform.network.holdDials()
  await platform.clock.advance(5_000)
  await assert.rejects(dialled, { code: 'PT_HANDSHAKE_TIMEOUT' })
})

test('gives up when its caller does', async () => {
  const { platform, dialled, abort } = dial(async (stream) => void stream.write(Buffer.of(1)))
  await platform.clock.settle()
  const reason = new Error('the client has left')
  abort.abort(reason)
  await assert.rejects(dialled, reason)
  assert.equal(platform.clock.timerCount, 0)
})

test('does not dial without a cookie that can be read and is one', async () => {
  const missing = Object.assign(new Error('open ENOENT'), { code: 'ENOENT' })
  const unreadable = dial(async () => {}, { readCookieFile: () => Promise.reject(missing) })
  await assert.rejects(unreadable.dialled, { code: 'PT_HANDSHAKE_FAILED', cause: missing })
  const short = dial(async () => {}, { readCookieFile: async () => COOKIE_FILE.subarray(1) })
  await assert.rejects(short.dialled, { code: 'PT_HANDSHAKE_FAILED' })
  assert.deepEqual([unreadable.platform.network.links, short.platform.network.links], [[], []])
})
