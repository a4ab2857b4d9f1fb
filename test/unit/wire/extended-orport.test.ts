import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import {
  computeClientHash,
  computeServerHash,
  decodeCommandHeader,
  decodeCookieFile,
  encodeClientDescription,
  encodeCommand,
  encodeCookieFile,
  isClientHash,
  isServerHash,
} from '../../../src/wire/extended-orport.ts'

// The known answers of tor's own test, src/test/test_extorport.c.
const exchange = {
  cookie: Buffer.from('Gliding wrapt in a brown mantle,'),
  clientNonce: Buffer.from('But when I look ahead up the whi'),
  serverNonce: Buffer.from('te road There is always another '),
}
const serverHash = Buffer.from('ec80ed6e546d3b36fdfc22fe1315416b029f1ade7610d910878b62eeb7403821', 'hex')
const clientHash = Buffer.from('ab391732dd2ed968cd40c087d1b1f25b33b3cd77ff79bd80c2074bbf438119a2', 'hex')

test('computes both hashes as tor does', () => {
  assert.deepEqual(computeServerHash(exchange), serverHash)
  assert.deepEqual(computeClientHash(exchange), clientHash)
})

test('takes no server hash but the right one', () => {
  assert.equal(isServerHash(serverHash, exchange), true)
  assert.equal(isServerHash(clientHash, exchange), false)
  assert.equal(isServerHash(serverHash.subarray(0, 31), exchange), false)
  const wrong = Buffer.from(serverHash)
  wrong[31]! ^= 1
  assert.equal(isServerHash(wrong, exchange), false)
})

test('takes no client hash but the right one', () => {
  assert.equal(isClientHash(clientHash, exchange), true)
  assert.equal(isClientHash(serverHash, exchange), false)
  assert.equal(isClientHash(clientHash.subarray(0, 31), exchange), false)
})

test('encodes a cookie file that decodes to its cookie', () => {
  const file = encodeCookieFile(exchange.cookie)
  assert.equal(file.toString('latin1'), '! Extended ORPort Auth Cookie !\nGliding wrapt in a brown mantle,')
  assert.deepEqual(decodeCookieFile(file), exchange.cookie)
  assert.throws(() => encodeCookieFile(Buffer.alloc(31)), RangeError)
})

test('decodes a cookie file of its exact form only', () => {
  const header = Buffer.from('! Extended ORPort Auth Cookie !\n')
  const cookie = Buffer.alloc(32, 0xa5)
  assert.deepEqual(decodeCookieFile(Buffer.concat([header, cookie])), cookie)
  assert.equal(decodeCookieFile(Buffer.concat([header, cookie, Buffer.of(0)])), undefined)
  assert.equal(decodeCookieFile(Buffer.concat([header, cookie.subarray(1)])), undefined)
  assert.equal(decodeCookieFile(Buffer.concat([Buffer.from('! Extended ORPort Auth Cookie !\r'), cookie])), undefined)
  assert.equal(decodeCookieFile(Buffer.alloc(0)), undefined)
})

test('encodes type and length of a command in big-endian order', () => {
  assert.equal(encodeCommand(0x1001, Buffer.from('no')).toString('hex'), '100100026e6f')
  assert.deepEqual(decodeCommandHeader(Buffer.from('10010002', 'hex')), { type: 0x1001, length: 2 })
  assert.throws(() => encodeCommand(1, Buffer.alloc(65_536)), RangeError)
})

test('decodes the header of every command that it encodes', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff }), fc.uint8Array({ maxLength: 300 }), (type, body) => {
      const command = encodeCommand(type, body)
      assert.deepEqual(decodeCommandHeader(command), { type, length: body.length })
      assert.deepEqual(command.subarray(4), Buffer.from(body))
    }),
  )
})

test('describes a client by its address, its transport and the end', () => {
  const description = encodeClientDescription({ transport: 'obfs4', userAddress: '192.0.2.7:40000' })
  assert.equal(description.toString('latin1'), '\x00\x01\x00\x0f192.0.2.7:40000\x00\x02\x00\x05obfs4\x00\x00\x00\x00')
})

test('leaves out an address that is unknown', () => {
  const description = encodeClientDescription({ transport: 'obfs4', userAddress: undefined })
  assert.equal(description.toString('latin1'), '\x00\x02\x00\x05obfs4\x00\x00\x00\x00')
})
