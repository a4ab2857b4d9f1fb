import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CountingAead } from '../../../../src/transports/shadowsocks/aead.ts'
import { keyOf, type Secret, subkeyOf } from '../../../../src/transports/shadowsocks/keys.ts'
import { Opener2017, Sealer2017 } from '../../../../src/transports/shadowsocks/stream-2017.ts'
import {
  RequestOpener2022,
  createRequestSealer2022,
  ResponseOpener2022,
  createResponseSealer2022,
} from '../../../../src/transports/shadowsocks/stream-2022.ts'
import type { Opened, StreamOpener } from '../../../../src/transports/shadowsocks/stream.ts'
import { encodeSocksAddress } from '../../../../src/wire/socks-address.ts'
import { SeededRandom } from '../../../../src/testing/seeded-random.ts'
import { fixedRandom, hex, METHODS_2017, METHODS_2022, TARGET, vectors2017, vectors2022 } from './vectors.ts'

const ADDRESS = encodeSocksAddress(TARGET)
const fresh = (): 'fresh' => 'fresh'

/** All that an opener makes of bytes in pieces of one length. */
function openIn(opener: StreamOpener, bytes: Buffer, pieceLength: number): Opened & { readonly text: string } {
  const all: Opened = {}
  const data: Buffer[] = []
  for (let at = 0; at < bytes.length && all.failure === undefined; at += pieceLength) {
    const opened = opener.receive(bytes.subarray(at, at + pieceLength))
    assert.notEqual(opened.data?.length, 0, 'data is not empty')
    if (opened.data !== undefined) data.push(opened.data)
    Object.assign(all, opened)
  }
  return { ...all, text: Buffer.concat(data).toString() }
}

for (const method of METHODS_2017) {
  const vectors = vectors2017(method.name)
  const secret: Secret = { method, key: hex(vectors.masterKey) }

  test(`${method.name}: password, session key and stream are those of the vectors`, () => {
    assert.equal(keyOf(method, vectors.password)?.toString('hex'), vectors.masterKey)
    assert.equal(subkeyOf(secret, hex(vectors.salt)).toString('hex'), vectors.subkey)
    const sealer = new Sealer2017(secret, hex(vectors.salt), ADDRESS)
    const sealed = Buffer.concat([sealer.seal([]), sealer.seal([Buffer.from('hel'), Buffer.from('lo')])])
    assert.equal(sealed.toString('hex'), vectors.stream)
  })

  test(`${method.name}: a stream opens in any pieces, and its salt is asked about once`, () => {
    for (const pieceLength of [1, 7, 1000]) {
      const salts: string[] = []
      const insertSalt = (salt: Uint8Array): boolean => salts.push(Buffer.from(salt).toString('hex')) > 0
      const opener = new Opener2017({ secret, hasAddress: true, insertSalt })
      const opened = openIn(opener, hex(vectors.stream), pieceLength)
      assert.deepEqual([opened.target, opened.text, opened.failure], [TARGET, 'hello', undefined])
      assert.deepEqual(salts, [vectors.salt])
      assert.equal(opener.isMidway, false)
    }
  })

  test(`${method.name}: an address in one chunk with data, or over several, is found`, () => {
    const salt = hex(vectors.salt)
    const together = new Sealer2017(secret, salt, ADDRESS).seal([Buffer.from('hello')])
    const opener = (): Opener2017 => new Opener2017({ secret, hasAddress: true, insertSalt: () => true })
    assert.deepEqual({ ...openIn(opener(), together, 9) }.text, 'hello')
    const sealer = new Sealer2017(secret, salt, ADDRESS.subarray(0, 3))
    const parts = [sealer.seal([]), sealer.seal([ADDRESS.subarray(3)]), sealer.seal([Buffer.from('x')])]
    const opened = openIn(opener(), Buffer.concat(parts), 1000)
    assert.deepEqual([opened.target, opened.text], [TARGET, 'x'])
  })

  test(`${method.name}: a flip of any byte, a replay, and an empty chunk fail`, () => {
    const stream = hex(vectors.stream)
    for (let at = 0; at < stream.length; at++) {
      const flipped = Buffer.from(stream)
      flipped[at]! ^= 1
      const opener = new Opener2017({ secret, hasAddress: true, insertSalt: () => true })
      const opened = openIn(opener, Buffer.concat([flipped, Buffer.alloc(0x4000)]), 64)
      assert.ok(opened.failure !== undefined, `a flip of byte ${at}`)
      assert.equal('hello'.startsWith(opened.text), true)
    }
    const replayed = new Opener2017({ secret, hasAddress: true, insertSalt: () => false })
    assert.equal(replayed.receive(stream).failure?.code, 'PT_REPLAY')
    const aead = new CountingAead(method.cipher, subkeyOf(secret, hex(vectors.salt)))
    const empty = Buffer.alloc(18)
    aead.seal([Buffer.alloc(2)], empty, 0)
    const opener = new Opener2017({ secret, hasAddress: true, insertSalt: () => true })
    assert.equal(opener.receive(Buffer.concat([hex(vectors.salt), empty])).failure?.code, 'PT_HANDSHAKE_FAILED')
  })

  test(`${method.name}: long writes are cut at 0x3fff bytes and arrive whole`, () => {
    const bytes = new SeededRandom('long').fill(Buffer.alloc(200_000))
    const sealed = new Sealer2017(secret, hex(vectors.salt), ADDRESS).seal([
      bytes.subarray(0, 70_000),
      bytes.subarray(70_000),
    ])
    const chunkCount = Math.ceil((bytes.length + ADDRESS.length) / 0x3fff)
    assert.equal(sealed.length, method.keyLength + bytes.length + ADDRESS.length + chunkCount * 34)
    const opener = new Opener2017({ secret, hasAddress: true, insertSalt: () => true })
    const received: Buffer[] = []
    for (let at = 0; at < sealed.length; at += 65_536) {
      const { data } = opener.receive(sealed.subarray(at, at + 65_536))
      if (data !== undefined) received.push(data)
    }
    assert.ok(Buffer.concat(received).equals(bytes))
  })
}

for (const method of METHODS_2022) {
  const vectors = vectors2022(method.name)
  const secret: Secret = { method, key: hex(vectors.psk) }
  const salt = hex(vectors.salt)
  const at = (seconds: number) => ({ now: () => seconds * 1000 + 999, random: fixedRandom() })
  const world = at(vectors.seconds)

  test(`${method.name}: the key is Base64 of its length, and the session key that of the vectors`, () => {
    assert.deepEqual(keyOf(method, hex(vectors.psk).toString('base64')), hex(vectors.psk))
    for (const wrong of ['secret', hex(vectors.psk).subarray(1).toString('base64'), hex(vectors.psk).toString('hex')])
      assert.equal(keyOf(method, wrong), undefined)
    assert.equal(subkeyOf(secret, salt).toString('hex'), vectors.subkey)
  })

  test(`${method.name}: the request of the vectors opens in any pieces`, () => {
    for (const pieceLength of [1, 5, 1000]) {
      const opener = new RequestOpener2022(secret, world, fresh)
      const opened = openIn(opener, hex(vectors.request), pieceLength)
      assert.deepEqual([opened.target, opened.text, opened.failure], [TARGET, 'helloworld', undefined])
      assert.equal(opened.salt?.toString('hex'), vectors.salt)
    }
  })

  test(`${method.name}: a request without bytes has padding, one with bytes has none`, () => {
    const random = fixedRandom(Buffer.from([2, 0, 0, 0]), Buffer.from('pad'))
    const padded = createRequestSealer2022(secret, salt, ADDRESS, { ...world, random }).seal([])
    const overhead = method.keyLength + 27 + 16 + ADDRESS.length + 2
    assert.equal(padded.length, overhead + 3)
    const sealer = createRequestSealer2022(secret, salt, ADDRESS, world)
    const full = sealer.seal([Buffer.from('hello')])
    assert.equal(full.length, overhead + 5)
    const rest = sealer.seal([Buffer.from('world')])
    for (const [bytes, text] of [
      [padded, ''],
      [Buffer.concat([full, rest]), 'helloworld'],
    ] as const)
      assert.equal(openIn(new RequestOpener2022(secret, world, fresh), bytes, 3).text, text)
  })

  test(`${method.name}: the response is that of the vectors, and opens`, () => {
    const sealer = createResponseSealer2022(secret, hex(vectors.responseSalt), salt, world)
    const sealed = sealer.seal([Buffer.from('re'), Buffer.from('ply')])
    assert.equal(sealed.toString('hex'), vectors.response)
    const more = sealer.seal([Buffer.from(' more')])
    for (const pieceLength of [1, 1000]) {
      const opener = new ResponseOpener2022(secret, world, salt)
      assert.equal(openIn(opener, Buffer.concat([sealed, more]), pieceLength).text, 'reply more')
      assert.equal(opener.isMidway, false)
    }
  })

  test(`${method.name}: a response to another request, of another type or of another time is refused`, () => {
    const response = hex(vectors.response)
    const other = Buffer.from(salt)
    other[0]! ^= 1
    const failures = [
      new ResponseOpener2022(secret, world, other).receive(response).failure,
      new ResponseOpener2022(secret, at(vectors.seconds + 31), salt).receive(response).failure,
      new ResponseOpener2022(secret, at(vectors.seconds - 31), salt).receive(response).failure,
    ]
    assert.deepEqual(
      failures.map((failure) => failure?.code),
      Array(3).fill('PT_HANDSHAKE_FAILED'),
    )
    for (const seconds of [vectors.seconds - 30, vectors.seconds + 30])
      assert.equal(new ResponseOpener2022(secret, at(seconds), salt).receive(response).failure, undefined)
    // A request that comes back is no response, even where its header is long enough.
    const request = createRequestSealer2022(secret, salt, ADDRESS, world).seal([Buffer.alloc(200)])
    assert.ok(new ResponseOpener2022(secret, world, salt).receive(request).failure !== undefined)
  })

  test(`${method.name}: the time of a request is tested before its salt, and the salt only of a genuine one`, () => {
    let asked = 0
    const ask = (): 'fresh' => {
      asked += 1
      return 'fresh'
    }
    const request = hex(vectors.request)
    for (const seconds of [vectors.seconds - 31, vectors.seconds + 31])
      assert.equal(
        new RequestOpener2022(secret, at(seconds), ask).receive(request).failure?.code,
        'PT_HANDSHAKE_FAILED',
      )
    const flipped = Buffer.from(request)
    flipped[method.keyLength]! ^= 1
    assert.ok(new RequestOpener2022(secret, world, ask).receive(flipped).failure !== undefined)
    assert.equal(asked, 0)
    assert.equal(new RequestOpener2022(secret, world, () => 'replay').receive(request).failure?.code, 'PT_REPLAY')
    assert.equal(
      new RequestOpener2022(secret, world, () => 'stale').receive(request).failure?.code,
      'PT_HANDSHAKE_FAILED',
    )
  })

  test(`${method.name}: a request with neither padding nor bytes, with too much padding, or of a response's type is refused`, () => {
    const seal = (type: number, variable: Buffer): Buffer => {
      const aead = new CountingAead(method.cipher, subkeyOf(secret, salt))
      const fixed = Buffer.alloc(11)
      fixed[0] = type
      fixed.writeBigUInt64BE(BigInt(vectors.seconds), 1)
      fixed.writeUInt16BE(variable.length, 9)
      const sealed = Buffer.alloc(salt.length + fixed.length + variable.length + 32)
      sealed.set(salt)
      aead.seal([variable], sealed, aead.seal([fixed], sealed, salt.length))
      return sealed
    }
    const padding = (length: number, told = length): Buffer => {
      const field = Buffer.alloc(2 + length)
      field.writeUInt16BE(told)
      return field
    }
    const open = (sealed: Buffer): Opened => new RequestOpener2022(secret, world, fresh).receive(sealed)
    assert.deepEqual(open(seal(0, Buffer.concat([ADDRESS, padding(900)]))).target, TARGET)
    for (const [type, variable] of [
      [1, Buffer.concat([ADDRESS, padding(1)])],
      [0, Buffer.concat([ADDRESS, padding(0)])],
      [0, Buffer.concat([ADDRESS, padding(901)])],
      [0, Buffer.concat([ADDRESS, padding(3, 4)])],
      [0, ADDRESS],
      [0, ADDRESS.subarray(1)],
      [0, Buffer.alloc(0)],
    ] as const)
      assert.equal(open(seal(type, variable)).failure?.code, 'PT_HANDSHAKE_FAILED')
  })

  test(`${method.name}: a flip of any byte of a request or response fails`, () => {
    const cases = [
      [vectors.request, () => new RequestOpener2022(secret, world, fresh)],
      [vectors.response, () => new ResponseOpener2022(secret, world, salt)],
    ] as const
    for (const [whole, open] of cases) {
      for (let index = 0; index < whole.length / 2; index++) {
        const flipped = hex(whole)
        flipped[index]! ^= 0x10
        assert.ok(openIn(open(), Buffer.concat([flipped, Buffer.alloc(0x10000)]), 50).failure !== undefined)
      }
    }
  })
}
