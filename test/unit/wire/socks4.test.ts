import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  decodeSocks4Reply,
  decodeSocks4Request,
  encodeSocks4Reply,
  encodeSocks4Request,
  MAX_USER_ID_LENGTH,
  SOCKS4_GRANTED,
  SOCKS4_REJECTED,
} from '../../../src/wire/socks4.ts'
import { assertIncremental, assertTotal } from './decoding-laws.ts'

test('decodes a SOCKS4 request', () => {
  const message = Buffer.from('0401 01bb c0000201 6b3d76 00'.replaceAll(' ', ''), 'hex')
  const value = { command: 1, destination: { host: '192.0.2.1', port: 443 }, userId: Buffer.from('k=v') }
  assertIncremental(decodeSocks4Request, message, value)
  assert.deepEqual(encodeSocks4Request(value.destination, value.userId), message)
})

test('decodes a SOCKS4a request with its name', () => {
  const message = Buffer.from(
    `0401 0050 00000001 00 ${Buffer.from('example.com').toString('hex')} 00`.replaceAll(' ', ''),
    'hex',
  )
  const value = { command: 1, destination: { host: 'example.com', port: 80 }, userId: Buffer.alloc(0) }
  assertIncremental(decodeSocks4Request, message, value)
  assert.deepEqual(encodeSocks4Request(value.destination, value.userId), message)
})

test('takes 0.0.0.0 for an address', () => {
  const decoded = decodeSocks4Request(Buffer.from('04010050000000000000', 'hex'))
  assert.ok(typeof decoded !== 'string')
  assert.deepEqual([decoded.value.destination.host, decoded.length], ['0.0.0.0', 9])
})

test('asks by name for an IPv6 address and for 0.0.0.x', () => {
  for (const host of ['2001:db8::1', '0.0.0.7', 'example.com']) {
    const decoded = decodeSocks4Request(encodeSocks4Request({ host, port: 9 }, Buffer.alloc(0)))
    assert.ok(typeof decoded !== 'string')
    assert.deepEqual(decoded.value.destination, { host, port: 9 })
  }
})

test('refuses a USERID past its limit before its end has come', () => {
  const head = Buffer.from('04010050c0000201', 'hex')
  assert.equal(decodeSocks4Request(Buffer.concat([head, Buffer.alloc(MAX_USER_ID_LENGTH, 'a')])), 'incomplete')
  assert.equal(decodeSocks4Request(Buffer.concat([head, Buffer.alloc(MAX_USER_ID_LENGTH + 1, 'a')])), 'malformed')
})

test('refuses another version, a name too long, an empty name, and one that is not text', () => {
  const named = (name: Buffer): Buffer => Buffer.concat([Buffer.from('040100500000000100', 'hex'), name, Buffer.of(0)])
  for (const name of [Buffer.alloc(0), Buffer.alloc(256, 'a'), Buffer.of(0xff, 0xfe), Buffer.from('a\nb')]) {
    assert.equal(decodeSocks4Request(named(name)), 'malformed')
  }
  assert.equal(decodeSocks4Request(Buffer.of(5)), 'malformed')
})

test('encodes nothing that the other side would read differently', () => {
  assert.throws(() => encodeSocks4Request({ host: 'a\0b', port: 1 }, Buffer.alloc(0)), RangeError)
  assert.throws(() => encodeSocks4Request({ host: 'a'.repeat(256), port: 1 }, Buffer.alloc(0)), RangeError)
  assert.throws(() => encodeSocks4Request({ host: '192.0.2.1', port: 1 }, Buffer.of(0)), RangeError)
})

test('replies in eight bytes', () => {
  assert.equal(encodeSocks4Reply(SOCKS4_GRANTED).toString('hex'), '005a000000000000')
  assertIncremental(decodeSocks4Reply, encodeSocks4Reply(SOCKS4_REJECTED), SOCKS4_REJECTED)
  assert.equal(decodeSocks4Reply(Buffer.of(4)), 'malformed')
})

test('survives any bytes', () => {
  assertTotal(decodeSocks4Request, 4, 1, 0, 80, 0, 0, 0, 1)
  assertTotal(decodeSocks4Reply, 0)
})

test('reads back any request that it wrote', () => {
  const userIds = fc.uint8Array({ min: 1, maxLength: 600 })
  fc.assert(
    fc.property(
      fc.oneof(fc.domain(), fc.ipV4()),
      fc.integer({ min: 0, max: 65_535 }),
      userIds,
      (host, port, userId) => {
        const decoded = decodeSocks4Request(encodeSocks4Request({ host, port }, userId))
        assert.ok(typeof decoded !== 'string')
        assert.deepEqual(decoded.value, { command: 1, destination: { host, port }, userId: Buffer.from(userId) })
      },
    ),
  )
})
