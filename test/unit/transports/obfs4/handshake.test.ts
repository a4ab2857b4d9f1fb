import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { elligatorKeyPairFromSeed } from '../../../../src/crypto/elligator2.ts'
import { importX25519PrivateKey } from '../../../../src/crypto/x25519.ts'
import { CLIENT_MIN_PAD_LENGTH } from '../../../../src/transports/obfs4/constants.ts'
import { ClientHandshake } from '../../../../src/transports/obfs4/handshake-client.ts'
import {
  HelloReader,
  type RecognisedHello,
  type ServerKey,
  answerHello,
} from '../../../../src/transports/obfs4/handshake-server.ts'
import { HandshakeMac, type SessionKeyPair } from '../../../../src/transports/obfs4/handshake.ts'
import type { Random } from '../../../../src/util/random.ts'
import { hex, vectors } from '../../crypto/vectors.ts'

const vector = vectors.handshake
const epochHour = Number(vector.epochHour)
const bridge = { nodeId: hex(vectors.identity.nodeId), publicKey: hex(vectors.identity.public) }
const key: ServerKey = { ...bridge, privateKey: importX25519PrivateKey(hex(vectors.identity.private)) }
const mac = new HandshakeMac(bridge)
const pad = hex(vector.clientPad)
const answer = hex(vector.serverMessage)

/** Makes uniformInteger() draw `value` above its least. */
function drawing(value: number): Random {
  return {
    fill: (target) => {
      target.fill(0)
      target.set([value & 0xff, value >> 8].slice(0, target.length))
      return target
    },
  }
}

function keyPairOf({ seed32 }: { readonly seed32: string }): SessionKeyPair {
  const { privateKey, publicKey, representative } = elligatorKeyPairFromSeed(hex(seed32))!
  return { privateKey: importX25519PrivateKey(privateKey), publicKey, representative }
}

function startClient(identity = bridge): { readonly handshake: ClientHandshake; readonly hello: Buffer } {
  const handshake = new ClientHandshake({
    bridge: identity,
    keyPair: keyPairOf(vectors.client),
    padding: { fill: (target) => void pad.copy(target), accepts: () => true },
    epochHour,
    random: drawing(pad.length - CLIENT_MIN_PAD_LENGTH),
  })
  return { handshake, hello: handshake.hello() }
}

/** Makes a genuine hello of the client's key, or of another representative, with `padLength` bytes of padding. */
function makeHello(padLength: number, representative = hex(vectors.client.representative)): Buffer {
  const withMark = Buffer.concat([representative, Buffer.alloc(padLength, 7), mac.mark(representative)])
  return Buffer.concat([withMark, mac.mac(withMark, epochHour)])
}

function recognise(bytes: Buffer, hour = epochHour, identity = bridge): ReturnType<HelloReader['receive']> {
  return new HelloReader(new HandshakeMac(identity)).receive(bytes, hour)
}

function assertRecognised(progress: ReturnType<HelloReader['receive']>): asserts progress is RecognisedHello {
  assert.ok(typeof progress === 'object', `the hello is ${JSON.stringify(progress)}`)
}

describe('the known handshake', () => {
  test("has the client's hello, byte for byte", () => {
    assert.equal(startClient().hello.toString('hex'), vector.clientMessage)
  })

  test("has the server's answer, byte for byte, and the keys of both directions", () => {
    const hello = recognise(hex(vector.clientMessage))
    assertRecognised(hello)
    assert.equal(hello.mac.toString('hex'), vector.macC)
    const answered = answerHello(hello, { key, keyPair: keyPairOf(vectors.server), mac, random: drawing(0) })
    assert.equal(answered?.message.toString('hex'), vector.serverMessage)
    assert.equal(answered.keys.toString('hex'), vector.okm144)
  })

  test('gives the client the same keys, and what follows the answer', () => {
    const progress = startClient().handshake.receive(Buffer.concat([answer, Buffer.of(1, 2, 3)]))
    assert.deepEqual(progress, { state: 'done', keys: hex(vector.okm144), rest: Buffer.of(1, 2, 3) })
  })
})

describe("a server's reading of a hello", () => {
  for (const [hours, verdict] of [
    [-2, 'unrecognised'],
    [-1, 'recognised'],
    [0, 'recognised'],
    [1, 'recognised'],
    [2, 'unrecognised'],
  ] as const) {
    test(`${hours} hours from the client's clock finds it ${verdict}`, () => {
      const progress = recognise(hex(vector.clientMessage), epochHour - hours)
      if (verdict === 'unrecognised') assert.equal(progress, verdict)
      else {
        assertRecognised(progress)
        assert.equal(progress.epochHour, epochHour)
      }
    })
  }

  for (const padLength of [77, 8128]) {
    test(`takes ${padLength} bytes of padding`, () => assertRecognised(recognise(makeHello(padLength))))
  }

  test('does not take 76 bytes of padding', () => {
    assert.equal(recognise(makeHello(76)), 'incomplete')
  })

  test('does not take 8,129 bytes of padding', () => {
    assert.equal(recognise(makeHello(8129)), 'unrecognised')
  })

  test('does not take a byte behind the MAC, in the same piece or later', () => {
    const hello = makeHello(8128)
    assert.equal(recognise(Buffer.concat([hello, Buffer.alloc(1)])), 'unrecognised')
    const short = hex(vector.clientMessage)
    assert.equal(recognise(Buffer.concat([short, Buffer.alloc(1)])), 'incomplete')
    const reader = new HelloReader(mac)
    assert.equal(reader.receive(Buffer.concat([short, Buffer.alloc(1)]), epochHour), 'incomplete')
    assert.equal(reader.receive(Buffer.alloc(8192), epochHour), 'unrecognised')
  })

  test('takes it byte by byte, at its last byte and not before', () => {
    const reader = new HelloReader(mac)
    const hello = hex(vector.clientMessage)
    for (let at = 0; at < hello.length - 1; at++) {
      assert.equal(reader.receive(hello.subarray(at, at + 1), epochHour), 'incomplete', `byte ${at}`)
    }
    assertRecognised(reader.receive(hello.subarray(-1), epochHour))
  })

  test('does not take one for another node id or public key', () => {
    const nodeId = Buffer.from(bridge.nodeId)
    nodeId[0]! ^= 1
    assert.equal(recognise(hex(vector.clientMessage), epochHour, { ...bridge, nodeId }), 'incomplete')
    const publicKey = hex(vectors.server.public)
    assert.equal(recognise(hex(vector.clientMessage), epochHour, { ...bridge, publicKey }), 'incomplete')
  })

  test('takes each value of the two top bits of the representative', () => {
    for (const topBits of [0x00, 0x40, 0x80, 0xc0]) {
      const representative = hex(vectors.client.representative)
      representative[31] = (representative[31]! & 0x3f) | topBits
      const hello = recognise(makeHello(100, representative))
      assertRecognised(hello)
      const answered = answerHello(hello, { key, keyPair: keyPairOf(vectors.server), mac, random: drawing(0) })
      assert.equal(answered?.keys.toString('hex'), vector.okm144, `top bits ${topBits}`)
    }
  })

  test('gives no answer to a client key of low order', () => {
    // The representative 0 decodes to u = 0, of order 2.
    const hello = recognise(makeHello(100, Buffer.alloc(32)))
    assertRecognised(hello)
    assert.equal(answerHello(hello, { key, keyPair: keyPairOf(vectors.server), mac, random: drawing(0) }), undefined)
  })
})

describe("a client's reading of the answer", () => {
  test('takes it byte by byte, at its last byte and not before', () => {
    const { handshake } = startClient()
    for (let at = 0; at < answer.length - 1; at++) {
      assert.deepEqual(handshake.receive(answer.subarray(at, at + 1)), { state: 'incomplete' }, `byte ${at}`)
    }
    assert.equal(handshake.receive(answer.subarray(-1)).state, 'done')
  })

  test('takes the most padding that a server adds, and no mark beyond 8,192 bytes', () => {
    for (const [padLength, state] of [
      [8051, 'done'],
      [8096, 'done'],
      [8097, 'failed'],
    ] as const) {
      const withMark = Buffer.concat([
        answer.subarray(0, 64),
        Buffer.alloc(padLength, 9),
        mac.mark(answer.subarray(0, 32)),
      ])
      const message = Buffer.concat([withMark, mac.mac(withMark, epochHour)])
      assert.equal(startClient().handshake.receive(message).state, state, `${padLength} bytes of padding`)
    }
  })

  test('fails for the MAC of another hour, and for an AUTH that another key made', () => {
    const rebuild = (head: Buffer, hour: number): Buffer => {
      const withMark = Buffer.concat([head, mac.mark(head.subarray(0, 32))])
      return Buffer.concat([withMark, mac.mac(withMark, hour)])
    }
    const head = Buffer.from(answer.subarray(0, 64))
    assert.equal(startClient().handshake.receive(rebuild(head, epochHour)).state, 'done')
    assert.equal(startClient().handshake.receive(rebuild(head, epochHour + 1)).state, 'failed')
    head[63]! ^= 1
    assert.equal(startClient().handshake.receive(rebuild(head, epochHour)).state, 'failed')
  })

  test('fails when the server key is of low order', () => {
    const head = Buffer.concat([Buffer.alloc(32), answer.subarray(32, 64)])
    const withMark = Buffer.concat([head, mac.mark(head.subarray(0, 32))])
    const message = Buffer.concat([withMark, mac.mac(withMark, epochHour)])
    assert.equal(startClient().handshake.receive(message).state, 'failed')
  })
})
