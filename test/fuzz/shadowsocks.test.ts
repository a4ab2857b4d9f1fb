import assert from 'node:assert/strict'
import fc from 'fast-check'
import { RecentFilter } from '../../src/crypto/recent-filter.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { ClientCodec } from '../../src/transports/shadowsocks/client-codec.ts'
import { formatShadowsocksUrl, parseShadowsocksUrl } from '../../src/transports/shadowsocks/index.ts'
import { keyOf, type Secret } from '../../src/transports/shadowsocks/keys.ts'
import { METHOD_NAMES, METHODS, type MethodName } from '../../src/transports/shadowsocks/methods.ts'
import { ServerCodec, type ServerStreams } from '../../src/transports/shadowsocks/server-codec.ts'
import { Opener2017, Sealer2017 } from '../../src/transports/shadowsocks/stream-2017.ts'
import {
  RequestOpener2022,
  createRequestSealer2022,
  ResponseOpener2022,
  createResponseSealer2022,
} from '../../src/transports/shadowsocks/stream-2022.ts'
import { Forgotten } from '../../src/transports/shadowsocks/timed-salts.ts'
import { ClientDatagrams2017, ServerDatagrams2017 } from '../../src/transports/shadowsocks/udp-2017.ts'
import { SeparateHeaders } from '../../src/transports/shadowsocks/udp-2022.ts'
import {
  ClientDatagrams2022,
  ServerDatagrams2022,
  UdpSessions,
} from '../../src/transports/shadowsocks/udp-sessions-2022.ts'
import { randomBytes } from '../../src/util/random.ts'
import { encodeSocksAddress } from '../../src/wire/socks-address.ts'
import { bytes, fuzz } from '../support/fuzz.ts'

const clock = new FakeClock()
const random = new SeededRandom('shadowsocks')
const TARGET = { host: 'example.org', port: 443 }
const ADDRESS = encodeSocksAddress(TARGET)
const world = { now: () => clock.now(), random }

const passwordOf = (name: MethodName): string =>
  METHODS[name].edition === '2022' ? Buffer.alloc(METHODS[name].keyLength, 3).toString('base64') : 'fuzz'

function secretOf(name: MethodName): Secret {
  return { method: METHODS[name], key: keyOf(METHODS[name], passwordOf(name))! }
}

/** Both codecs of a connection, the salts of each apart. */
function makePair(secret: Secret): { readonly client: ClientCodec; readonly server: ServerCodec } {
  const salt = randomBytes(random, secret.method.keyLength)
  const isNew = secret.method.edition === '2022'
  const insertSalt = (): boolean => true
  const streams: ServerStreams = {
    clock,
    silenceMs: 60_000,
    opener: () =>
      isNew
        ? new RequestOpener2022(secret, world, () => 'fresh')
        : new Opener2017({ secret, hasAddress: true, insertSalt }),
    sealer: (requestSalt) => {
      const own = randomBytes(random, secret.method.keyLength)
      return isNew
        ? createResponseSealer2022(secret, own, requestSalt!, world)
        : new Sealer2017(secret, own, Buffer.alloc(0))
    },
  }
  const client = isNew
    ? new ClientCodec(
        createRequestSealer2022(secret, salt, ADDRESS, world),
        new ResponseOpener2022(secret, world, salt),
        clock,
      )
    : new ClientCodec(
        new Sealer2017(secret, salt, ADDRESS),
        new Opener2017({ secret, hasAddress: false, insertSalt }),
        clock,
      )
  client.start()
  return { client, server: new ServerCodec(streams) }
}

const method = fc.constantFrom(...METHOD_NAMES)
const writes = fc.array(
  fc.oneof(
    bytes(200),
    fc.nat(80_000).map((length) => Buffer.alloc(length, length)),
  ),
  { maxLength: 5 },
)
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 70_000 })), {
  minLength: 1,
  maxLength: 30,
})
const flip = fc.option(fc.record({ at: fc.nat(100_000), mask: fc.integer({ min: 1, max: 255 }) }), { nil: undefined })

/** Feeds a codec what the other sent, cut and perhaps altered, and returns what came out; its rules are asserted. */
function feed(
  codec: ClientCodec | ServerCodec,
  wire: Buffer,
  lengths: readonly number[],
): { readonly data: Buffer; readonly established: boolean; readonly closed: boolean } {
  const data: Buffer[] = []
  let [established, closed, at] = [false, false, 0]
  for (let index = 0; at < wire.length && !closed; index++) {
    const piece = Buffer.from(wire.subarray(at, (at += lengths[index % lengths.length]!)))
    const before = Buffer.from(piece)
    const step = codec.receive(piece)
    assert.ok(piece.equals(before), 'bytes that are received are not written to')
    piece.fill(0xff)
    if (step.established === true) {
      assert.equal(established, false)
      assert.deepEqual(step.target, TARGET)
      established = true
    }
    if (step.data !== undefined) {
      assert.ok(step.data.length > 0)
      data.push(Buffer.from(step.data))
    }
    assert.equal(codec instanceof ServerCodec ? step.wire : undefined, undefined, 'a server answers nothing by itself')
    closed = step.close !== undefined
  }
  return { data: Buffer.concat(data), established, closed }
}

function alter(wire: Buffer, change: { readonly at: number; readonly mask: number } | undefined): Buffer {
  if (change !== undefined && wire.length > 0) wire[change.at % wire.length]! ^= change.mask
  return wire
}

const wireOf = (codec: ClientCodec | ServerCodec, parts: readonly Buffer[]): Buffer =>
  Buffer.concat(parts.flatMap((part) => (codec.send([part]).wire ?? []).map(({ bytes: sent }) => sent)))

fuzz(
  'whatever is written arrives whole however the wire is cut, and altered it arrives in part or not at all',
  fc.record({ name: method, up: writes, down: writes, upCuts: cuts, downCuts: cuts, upFlip: flip, downFlip: flip }),
  ({ name, up, down, upCuts, downCuts, upFlip, downFlip }) => {
    const { client, server } = makePair(secretOf(name))
    const request = alter(
      Buffer.concat([...(client.wake().wire ?? []).map(({ bytes: sent }) => sent), wireOf(client, up)]),
      upFlip,
    )
    const asked = feed(server, request, upCuts)
    const sent = Buffer.concat(up)
    assert.ok(asked.data.equals(sent.subarray(0, asked.data.length)), 'what comes out was sent')
    if (upFlip === undefined) assert.ok(asked.established && asked.data.length === sent.length)
    const response = alter(wireOf(server, down), downFlip)
    if (!asked.established) return assert.equal(response.length, 0)
    const answered = feed(client, response, downCuts)
    const answer = Buffer.concat(down)
    assert.ok(answered.data.equals(answer.subarray(0, answered.data.length)))
    if (downFlip === undefined) assert.equal(answered.data.length, answer.length)
    else if (response.length > 0)
      assert.ok(answered.data.length < answer.length || answered.closed || client.finish().close !== undefined)
  },
  { share: 0.5 },
)

fuzz(
  'openers of datagrams take any bytes, and only their own mean something',
  fc.record({ name: method, noise: bytes(300), packet: bytes(1400), change: flip }),
  ({ name, noise, packet, change }) => {
    const secret = secretOf(name)
    const salts = new RecentFilter(100, random)
    const old = { secret, random, insertSalt: (salt: Uint8Array) => salts.insert(salt) }
    const recent = { secret, headers: new SeparateHeaders(secret), clock, random }
    const isNew = secret.method.edition === '2022'
    const sessions = new UdpSessions(recent, new Forgotten(0))
    const client = isNew ? new ClientDatagrams2022(recent, TARGET) : new ClientDatagrams2017(old, TARGET)
    const server = isNew ? new ServerDatagrams2022(recent, sessions) : new ServerDatagrams2017(old)
    assert.equal(server.open(noise), undefined)
    assert.equal(client.open(noise), undefined)
    const datagram = alter(Buffer.from(client.seal(packet) as Uint8Array), change)
    // Of 2017 a salt that was sealed by this very filter is known to it: one server, one client.
    const opened = (isNew ? server : new ServerDatagrams2017({ ...old, insertSalt: () => true })).open(datagram)
    if (change !== undefined) assert.equal(opened, undefined)
    else assert.deepEqual(opened, { packet, target: TARGET })
  },
)

fuzz(
  'an ss:// URL is parsed to what was printed, and any text is a URL or refused',
  fc.record({
    name: method,
    password: fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' }),
    port: fc.integer({ min: 1, max: 65_535 }),
    tag: fc.string({ minLength: 1, unit: 'grapheme' }),
    text: fc.oneof(
      fc.string(),
      fc.string().map((rest) => `ss://${rest}@h:1`),
      fc.webUrl(),
    ),
  }),
  ({ name, password, port, tag, text }) => {
    const server = {
      method: name,
      password: METHODS[name].edition === '2022' ? passwordOf(name) : password,
      host: '2001:db8::1',
      port,
      tag,
    }
    assert.deepEqual(parseShadowsocksUrl(formatShadowsocksUrl(server)), server)
    try {
      parseShadowsocksUrl(text)
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'PT_URL_INVALID')
    }
  },
)
