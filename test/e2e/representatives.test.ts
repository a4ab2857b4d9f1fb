import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { referenceElligator2 } from '../../src/crypto/elligator2-reference.ts'
import { representativeToPublicKey } from '../../src/crypto/elligator2.ts'
import { importX25519PrivateKey, x25519PublicKey } from '../../src/crypto/x25519.ts'
import { createMemoryPlatform } from '../../src/testing/memory-platform.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { ClientHandshake } from '../../src/transports/obfs4/handshake-client.ts'
import { HelloReader, answerHello } from '../../src/transports/obfs4/handshake-server.ts'
import { HandshakeMac, type SessionKeyPair } from '../../src/transports/obfs4/handshake.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'
import { createUniformPadding } from '../../src/transports/obfs4/padding.ts'
import { type Random, randomBytes } from '../../src/util/random.ts'
import { closeListener, portOf } from '../support/obfs4-pairings.ts'
import { looksUniform, representativeStatistics } from '../unit/crypto/point-order.ts'

const HANDSHAKE_COUNT = 500
const REPRESENTATIVE_LENGTH = 32

/** The first 32 bytes of each side's first message, as anybody on the way reads them. */
type Representatives = Readonly<Record<'client' | 'server', readonly Buffer[]>>

test(`${HANDSHAKE_COUNT} handshakes show points of the whole curve and all top bits, on both sides`, async (t) => {
  for (const [side, representatives] of Object.entries(await tapHandshakes(t))) {
    const statistics = representativeStatistics(representatives, representativeToPublicKey)
    t.diagnostic(`${side}: ${JSON.stringify(statistics)}`)
    assert.equal(statistics.count, HANDSHAKE_COUNT)
    assert.ok(looksUniform(statistics), `${side}: ${JSON.stringify(statistics)}`)
    assert.ok(statistics.topBitCounts.every((count) => count > 0))
    assert.equal(new Set(representatives.map((each) => each.toString('hex'))).size, HANDSHAKE_COUNT)
  }
})

test('the same look at handshakes whose keys stay in the subgroup of prime order tells them', (t) => {
  for (const [side, representatives] of Object.entries(makeFlawedHandshakes())) {
    const statistics = representativeStatistics(representatives, representativeToPublicKey)
    t.diagnostic(`${side}: ${JSON.stringify(statistics)}`)
    assert.equal(statistics.primeOrderCount, HANDSHAKE_COUNT)
    assert.ok(!looksUniform(statistics))
    // The order of the points alone gives them away.
    assert.ok(looksUniform({ ...statistics, primeOrderCount: Math.round(HANDSHAKE_COUNT / 8) }))
  }
})

/** Runs whole handshakes of a Client and a Server Factory, and takes the representatives from the wire. */
async function tapHandshakes(t: TestContext): Promise<Representatives> {
  const platform = createMemoryPlatform({ seed: 'representatives' })
  const listener = obfs4.server({}, { platform }).listen({ host: '127.0.0.1', port: 0 })
  t.after(() => closeListener(listener))
  await once(listener, 'listening')
  const factory = obfs4.client({ cert: listener.clientArguments['cert']! }, { platform })
  for (let count = 0; count < HANDSHAKE_COUNT; count++) {
    const connection = factory.connect({ host: '127.0.0.1', port: portOf(listener) })
    await once(connection, 'connect')
    connection.destroy()
  }
  const head = ({ sent }: { readonly sent: Buffer }): Buffer => sent.subarray(0, REPRESENTATIVE_LENGTH)
  return {
    client: platform.network.links.map(({ toServer }) => head(toServer)),
    server: platform.network.links.map(({ toClient }) => head(toClient)),
  }
}

/** Runs handshakes, which succeed, with key pairs as obfs4proxy made them until 0.0.13. */
function makeFlawedHandshakes(): Representatives {
  const random = new SeededRandom('prime order')
  const privateKey = randomBytes(random, 32)
  const bridge = { nodeId: randomBytes(random, 20), publicKey: x25519PublicKey(privateKey) }
  const key = { ...bridge, privateKey: importX25519PrivateKey(privateKey) }
  const mac = new HandshakeMac(bridge)
  const padding = createUniformPadding(random)
  const epochHour = 478_000
  const client: Buffer[] = []
  const server: Buffer[] = []
  while (client.length < HANDSHAKE_COUNT) {
    const keyPair = makePrimeOrderKeyPair(random)
    const handshake = new ClientHandshake({ bridge, keyPair, padding, epochHour, random })
    const hello = handshake.hello()
    const recognised = new HelloReader(mac).receive(hello, epochHour)
    assert.ok(typeof recognised === 'object')
    const { message } = answerHello(recognised, { key, keyPair: makePrimeOrderKeyPair(random), mac, random })!
    assert.equal(handshake.receive(message).state, 'done')
    client.push(hello.subarray(0, REPRESENTATIVE_LENGTH))
    server.push(message.subarray(0, REPRESENTATIVE_LENGTH))
  }
  return { client, server }
}

function makePrimeOrderKeyPair(random: Random): SessionKeyPair {
  for (;;) {
    const privateKey = randomBytes(random, 32)
    const publicKey = x25519PublicKey(privateKey)
    const tweak = randomBytes(random, 1)[0]!
    const representative = referenceElligator2.publicKeyToRepresentative(publicKey, tweak)
    if (representative !== undefined)
      return { privateKey: importX25519PrivateKey(privateKey), publicKey, representative }
  }
}
