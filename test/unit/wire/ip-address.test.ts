import assert from 'node:assert/strict'
import { isIPv4, isIPv6 } from 'node:net'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { decodeIpAddress, encodeIpAddress } from '../../../src/wire/ip-address.ts'

const hex = (text: string): string | undefined => encodeIpAddress(text)?.toString('hex')

test('encodes addresses in network order', () => {
  assert.equal(hex('192.0.2.1'), 'c0000201')
  assert.equal(hex('::'), '00'.repeat(16))
  assert.equal(hex('::1'), `${'00'.repeat(15)}01`)
  assert.equal(hex('2001:db8::a:0:1'), '20010db8000000000000000a00000001')
  assert.equal(hex('2001:DB8:0:1:2:3:4:5'), '20010db8000000010002000300040005')
  assert.equal(hex('::ffff:192.0.2.1'), `${'00'.repeat(10)}ffffc0000201`)
  assert.equal(hex('1:2:3:4:5:6:7::'), '00010002000300040005000600070000')
})

test('takes nothing that is not an address', () => {
  const wrong = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4 ',
    'a.b.c.d',
    '0x1.2.3.4',
    'example.com',
    ':',
  ]
  wrong.push(
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7',
    '12345::',
    '::g',
    'fe80::1%eth0',
    '1.2.3.4::',
    '[::1]',
  )
  wrong.push('1:2:3:4:5:6:7::8', ':1:2:3:4:5:6:7', '::1.2.3')
  for (const text of wrong) assert.equal(encodeIpAddress(text), undefined, text)
})

test('writes IPv6 as RFC 5952 asks', () => {
  const written = (text: string): string => decodeIpAddress(encodeIpAddress(text)!)
  assert.equal(written('2001:0db8:0:0:1:0:0:1'), '2001:db8::1:0:0:1')
  assert.equal(written('2001:db8:0:1:1:1:1:1'), '2001:db8:0:1:1:1:1:1')
  assert.equal(written('0:0:0:0:0:0:0:0'), '::')
  assert.equal(written('1:0:0:0:0:0:0:0'), '1::')
  assert.equal(written('::ffff:c000:201'), '::ffff:192.0.2.1')
})

test('reads back whatever it wrote', () => {
  const addresses = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.array(fc.constantFrom(0, 0, 0, 1, 255), { minLength: 16, maxLength: 16 }).map((bytes) => Uint8Array.from(bytes)),
  )
  fc.assert(
    fc.property(addresses, (bytes) => {
      const text = decodeIpAddress(bytes)
      assert.ok(bytes.length === 4 ? isIPv4(text) : isIPv6(text), text)
      assert.deepEqual(encodeIpAddress(text), Buffer.from(bytes))
    }),
  )
})

test("agrees with Node's parser on any text of the right characters", () => {
  const texts = fc.oneof(
    fc.string({ unit: fc.constantFrom(...'0123456789abf:.'.split('')), maxLength: 24 }),
    fc.array(fc.constantFrom('1', 'ff', '0', '', '10.0.0.1'), { maxLength: 9 }).map((groups) => groups.join(':')),
  )
  fc.assert(
    fc.property(texts, (text) => assert.equal(encodeIpAddress(text) !== undefined, isIPv4(text) || isIPv6(text), text)),
    { numRuns: 2_000 },
  )
})

test('refuses bytes of another length', () => {
  assert.throws(() => decodeIpAddress(new Uint8Array(5)), RangeError)
})
