import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentFilter } from '../../../../src/crypto/recent-filter.ts'
import { FakeClock } from '../../../../src/testing/fake-clock.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import type { Secret } from '../../../../src/transports/shadowsocks/keys.ts'
import { Forgotten } from '../../../../src/transports/shadowsocks/timed-salts.ts'
import { ClientDatagrams2017, ServerDatagrams2017 } from '../../../../src/transports/shadowsocks/udp-2017.ts'
import { SeparateHeaders } from '../../../../src/transports/shadowsocks/udp-2022.ts'
import {
  ClientDatagrams2022,
  ServerDatagrams2022,
  UdpSessions,
} from '../../../../src/transports/shadowsocks/udp-sessions-2022.ts'
import type { Random } from '../../../../src/util/random.ts'
import { fixedRandom, hex, METHODS_2017, METHODS_2022, TARGET, vectors2017, vectors2022 } from './vectors.ts'

const PING = Buffer.from('ping')

for (const method of METHODS_2017) {
  const vectors = vectors2017(method.name)
  const secret: Secret = { method, key: hex(vectors.masterKey) }
  const world = (random: Random = new SeededRandom('udp')) => {
    const salts = new RecentFilter(100, new SeededRandom('salts'))
    return { secret, random, insertSalt: (salt: Uint8Array) => salts.insert(salt) }
  }

  test(`${method.name}: a datagram is that of the vectors, and opens once`, () => {
    const client = new ClientDatagrams2017(world(fixedRandom(hex(vectors.salt))), TARGET)
    assert.equal(Buffer.from(client.seal(PING) as Uint8Array).toString('hex'), vectors.datagram)
    const server = new ServerDatagrams2017(world())
    assert.deepEqual(server.open(hex(vectors.datagram)), { packet: PING, target: TARGET })
    assert.equal(server.open(hex(vectors.datagram)), undefined, 'a replay')
    for (let at = 0; at < vectors.datagram.length / 2; at++) {
      const flipped = hex(vectors.datagram)
      flipped[at]! ^= 1
      assert.equal(server.open(flipped), undefined)
      assert.equal(server.open(flipped.subarray(0, at)), undefined)
    }
  })

  test(`${method.name}: answers are of whom was asked, and a client's own datagram is none`, () => {
    const client = new ClientDatagrams2017(world(), TARGET)
    const server = new ServerDatagrams2017(world(new SeededRandom('server')))
    assert.equal(server.seal(PING), 'malformed', 'nobody has asked')
    const asked = client.seal(PING) as Uint8Array
    server.open(asked)
    assert.equal(client.open(asked), undefined, 'a reflection')
    assert.deepEqual(client.open(server.seal(PING) as Uint8Array), PING)
    const others = [
      { host: '127.0.0.2', port: 8080 },
      { host: '127.0.0.1', port: 8081 },
    ]
    for (const from of others) assert.equal(client.open(server.seal(PING, from) as Uint8Array), undefined)
    const byName = new ClientDatagrams2017(world(), { host: 'example.org', port: 8080 })
    assert.deepEqual(byName.open(server.seal(PING, { host: '192.0.2.1', port: 8080 }) as Uint8Array), PING)
    assert.equal(client.seal(Buffer.alloc(65_507)), 'too-long')
  })
}

for (const method of METHODS_2022) {
  const vectors = vectors2022(method.name)
  const secret: Secret = { method, key: hex(vectors.psk) }
  const scene = (random: Random = new SeededRandom('udp')) => {
    const clock = new FakeClock(vectors.seconds * 1000)
    const world = { secret, headers: new SeparateHeaders(secret), clock, random }
    const sessions = new UdpSessions(world, new Forgotten((vectors.seconds - 100) * 1000), 3)
    const server = () => new ServerDatagrams2022(world, sessions)
    return { clock, world, sessions, server, client: () => new ClientDatagrams2022(world, TARGET) }
  }

  test(`${method.name}: a datagram is that of the vectors, and opens once`, () => {
    const { client, server, sessions } = scene(fixedRandom(hex(vectors.sessionId)))
    assert.equal(Buffer.from(client().seal(PING) as Uint8Array).toString('hex'), vectors.datagram)
    assert.equal(sessions.keyOf(hex(vectors.datagram)), hex(vectors.sessionId).toString('latin1'))
    assert.equal(sessions.keyOf(Buffer.alloc(31)), undefined)
    const codec = server()
    for (let at = 0; at < vectors.datagram.length / 2; at++) {
      const flipped = hex(vectors.datagram)
      flipped[at]! ^= 1
      assert.equal(codec.open(flipped), undefined)
    }
    assert.equal(sessions.size, 0, 'what is not genuine is not remembered')
    assert.deepEqual(codec.open(hex(vectors.datagram)), { packet: PING, target: TARGET })
    assert.equal(codec.open(hex(vectors.datagram)), undefined, 'a replay')
    assert.equal(server().open(hex(vectors.datagram)), undefined, 'a replay to a peer that begins anew')
  })

  test(`${method.name}: packets open in any order, once, and two sessions of a server are known`, () => {
    const { client, server } = scene()
    const near = client()
    const far = server()
    const sent = [0, 1, 2, 3].map(() => near.seal(PING) as Uint8Array)
    for (const index of [2, 0, 3, 1]) assert.deepEqual(far.open(sent[index]!)?.packet, PING)
    for (const datagram of sent) assert.equal(far.open(datagram), undefined)
    const renewed = server()
    renewed.open(near.seal(PING) as Uint8Array)
    for (const codec of [far, renewed, far, renewed]) {
      const answer = codec.seal(PING) as Uint8Array
      assert.deepEqual(near.open(answer), PING)
      assert.equal(near.open(answer), undefined, 'a replay')
    }
    assert.equal(near.open(far.seal(PING, { host: '127.0.0.2', port: 8080 }) as Uint8Array), undefined)
    assert.equal(client().open(far.seal(PING) as Uint8Array), undefined, 'an answer to another session')
    assert.equal(near.open(near.seal(PING) as Uint8Array), undefined, 'a reflection')
  })

  test(`${method.name}: what a session of the server's sent that is not known any more does not begin it again`, async () => {
    const { clock, client, server } = scene()
    const near = client()
    const sessions = [server(), server(), server()]
    const answers: Uint8Array[] = []
    for (const session of sessions) {
      session.open(near.seal(PING) as Uint8Array)
      answers.push(session.seal(PING) as Uint8Array)
      assert.deepEqual(near.open(answers.at(-1)!), PING)
      await clock.advance(5_000)
    }
    for (const answer of answers) assert.equal(near.open(answer), undefined, 'a replay')
    assert.deepEqual(near.open(sessions[1]!.seal(PING) as Uint8Array), PING, 'one of the two that are known')
  })

  test(`${method.name}: times must be near, sessions are remembered for a minute and bounded`, async () => {
    const { clock, client, server, sessions } = scene()
    const old = client()
    const datagrams = [old.seal(PING), old.seal(PING)] as Uint8Array[]
    await clock.advance(30_000)
    assert.ok(server().open(datagrams[0]!))
    await clock.advance(1_000)
    assert.equal(server().open(datagrams[1]!), undefined, 'older than 30 s')
    for (let count = 0; count < 2; count++) assert.ok(server().open(client().seal(PING) as Uint8Array))
    assert.equal(server().open(client().seal(PING) as Uint8Array), undefined, 'a fourth session')
    assert.equal(sessions.size, 3)
    await clock.advance(61_000)
    assert.ok(server().open(client().seal(PING) as Uint8Array))
    assert.equal(sessions.size, 1)
    const near = client()
    const far = server()
    far.open(near.seal(PING) as Uint8Array)
    const answers = [far.seal(PING), far.seal(PING)] as Uint8Array[]
    await clock.advance(30_000)
    assert.deepEqual(near.open(answers[0]!), PING)
    await clock.advance(1_000)
    assert.equal(near.open(answers[1]!), undefined, 'an answer older than 30 s')
    // What was forgotten is not believed when the clock is set back to its time.
    clock.setWallClock(vectors.seconds * 1000)
    assert.equal(server().open(datagrams[1]!), undefined)
  })
}
