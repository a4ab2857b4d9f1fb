import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  decodeCredentials,
  decodeCredentialsReply,
  decodeMethodChoice,
  decodeMethods,
  decodeParameters,
  decodeSocks5Reply,
  decodeSocks5Request,
  encodeCredentials,
  encodeCredentialsReply,
  encodeMethodChoice,
  encodeMethods,
  encodeParameters,
  encodeSocks5Reply,
  encodeSocks5Request,
  MAX_PARAMETERS_LENGTH,
} from '../../../src/wire/socks5.ts'
import { assertIncremental, assertTotal } from './decoding-laws.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')

test('decodes the methods and encodes the choice', () => {
  assertIncremental(decodeMethods, bytes('05 03 00 02 09'), [0, 2, 9])
  assertIncremental(decodeMethods, bytes('05 00'), [])
  assert.deepEqual(encodeMethods([0, 2, 9]), bytes('05 03 00 02 09'))
  assert.deepEqual(encodeMethodChoice(0xff), bytes('05 ff'))
  assertIncremental(decodeMethodChoice, bytes('05 02'), 2)
})

test('decodes user name and password', () => {
  const value = { username: Buffer.from('user'), password: Buffer.of(0) }
  assertIncremental(decodeCredentials, bytes('01 04 75736572 01 00'), value)
  assert.deepEqual(encodeCredentials(value), bytes('01 04 75736572 01 00'))
  assertIncremental(decodeCredentials, bytes('01 00 00'), { username: Buffer.alloc(0), password: Buffer.alloc(0) })
})

test('carries 510 bytes in user name and password', () => {
  const full = { username: Buffer.alloc(255, 'u'), password: Buffer.alloc(255, 'p') }
  assertIncremental(decodeCredentials, encodeCredentials(full), full)
  assert.throws(() => encodeCredentials({ ...full, password: Buffer.alloc(256) }), RangeError)
})

test('answers credentials with 01 00 and 01 01', () => {
  assert.deepEqual(encodeCredentialsReply(true), bytes('01 00'))
  assert.deepEqual(encodeCredentialsReply(false), bytes('01 01'))
  assertIncremental(decodeCredentialsReply, bytes('01 00'), true)
  assertIncremental(decodeCredentialsReply, bytes('01 07'), false)
})

test('decodes a JSON parameter block by its big-endian length', () => {
  assertIncremental(decodeParameters, bytes('00000002 7b7d'), Buffer.from('{}'))
  assertIncremental(decodeParameters, bytes('00000000'), Buffer.alloc(0))
  assert.deepEqual(encodeParameters(Buffer.from('{}')), bytes('00000002 7b7d'))
})

test('refuses a parameter block past its limit by the length alone', () => {
  const prefix = (length: number): Buffer => encodeParameters(Buffer.alloc(length)).subarray(0, 4)
  assert.equal(decodeParameters(prefix(MAX_PARAMETERS_LENGTH)), 'incomplete')
  assert.equal(decodeParameters(bytes('00010001')), 'malformed')
  assert.equal(decodeParameters(bytes('ffffffff')), 'malformed')
  assert.throws(() => encodeParameters(Buffer.alloc(MAX_PARAMETERS_LENGTH + 1)), RangeError)
})

test('decodes requests for an address of each type', () => {
  const request = (host: string) => ({ command: 1, destination: { host, port: 443 } })
  const messages = [
    ['192.0.2.1', '05 01 00 01 c0000201 01bb'],
    ['example.com', '05 01 00 03 0b 6578616d706c652e636f6d 01bb'],
    ['2001:db8::1', '05 01 00 04 20010db8000000000000000000000001 01bb'],
  ] as const
  for (const [host, hex] of messages) {
    assertIncremental(decodeSocks5Request, bytes(hex), request(host))
    assert.deepEqual(encodeSocks5Request({ host, port: 443 }), bytes(hex))
  }
})

test('names the reply for an address type that does not exist', () => {
  assertIncremental(decodeSocks5Request, bytes('05 01 00 02'), { command: 1, unsupported: 8 })
})

test('hands on a command that is not CONNECT', () => {
  const value = { command: 3, destination: { host: '0.0.0.0', port: 0 } }
  assertIncremental(decodeSocks5Request, bytes('05 03 00 01 00000000 0000'), value)
})

test('refuses host names that are none', () => {
  for (const hex of ['05 01 00 03 00 0050', '05 01 00 03 02 fffe 0050', '05 01 00 03 03 61000a 0050']) {
    assert.equal(decodeSocks5Request(bytes(hex)), 'malformed', hex)
  }
  assert.throws(() => encodeSocks5Request({ host: '', port: 1 }), RangeError)
  assert.throws(() => encodeSocks5Request({ host: 'a'.repeat(256), port: 1 }), RangeError)
})

test('replies with an IPv4 address of zeros', () => {
  assert.deepEqual(encodeSocks5Reply(0x13), bytes('05 13 00 01 00000000 0000'))
})

test('decodes replies with an address of each type', () => {
  assertIncremental(decodeSocks5Reply, bytes('05 00 00 01 7f000001 0050'), 0)
  assertIncremental(decodeSocks5Reply, bytes('05 00 00 03 01 61 0050'), 0)
  assertIncremental(decodeSocks5Reply, bytes(`05 05 00 04 ${'00'.repeat(16)} 0050`), 5)
})

test('takes a refusal whose address is of no type, and no success', () => {
  assert.deepEqual(decodeSocks5Reply(bytes('05 01 00 00')), { value: 1, length: 4 })
  assert.equal(decodeSocks5Reply(bytes('05 00 00 00')), 'malformed')
})

test('refuses another version in every message', () => {
  for (const decode of [decodeMethods, decodeMethodChoice, decodeSocks5Request, decodeSocks5Reply]) {
    assert.equal(decode(Buffer.of(4)), 'malformed')
  }
  for (const decode of [decodeCredentials, decodeCredentialsReply]) assert.equal(decode(Buffer.of(5)), 'malformed')
})

test('survives any bytes', () => {
  assertTotal(decodeMethods, 5)
  assertTotal(decodeMethodChoice, 5)
  assertTotal(decodeCredentials, 1)
  assertTotal(decodeCredentialsReply, 1)
  assertTotal(decodeParameters, 0, 0, 0)
  assertTotal(decodeSocks5Request, 5, 1, 0, 3)
  assertTotal(decodeSocks5Reply, 5, 0, 0, 3)
})

test('reads back any request that it wrote', () => {
  const hosts = fc.oneof(fc.domain(), fc.ipV4())
  fc.assert(
    fc.property(hosts, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      const decoded = decodeSocks5Request(encodeSocks5Request({ host, port }))
      assert.ok(typeof decoded !== 'string')
      assert.deepEqual(decoded.value, { command: 1, destination: { host, port } })
    }),
  )
})
