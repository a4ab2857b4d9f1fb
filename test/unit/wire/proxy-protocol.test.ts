import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeProxyHeader } from '../../../src/wire/proxy-protocol.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const hex = (...parts: string[]): Buffer => Buffer.from(parts.join(''), 'hex')

for (const [title, bytes, value] of [
  [
    'version 1, IPv4',
    Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n'),
    { address: '203.0.113.7', port: 4711 },
  ],
  [
    'version 1, IPv6',
    Buffer.from('PROXY TCP6 2001:DB8::7 ::1 65535 443\r\n'),
    { address: '2001:db8::7', port: 65_535 },
  ],
  ['version 1, unknown', Buffer.from('PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n'), undefined],
  [
    'version 2, IPv4',
    hex(SIGNATURE, '2111000c', 'cb007107', 'c0000201', '1267', '01bb'),
    { address: '203.0.113.7', port: 4711 },
  ],
  [
    'version 2, IPv6, with a value behind',
    hex(SIGNATURE, '21210028', `20010db8${'00'.repeat(11)}07`, '00'.repeat(16), '1267', '01bb', '04000100'),
    { address: '2001:db8::7', port: 4711 },
  ],
  ['version 2, LOCAL', hex(SIGNATURE, '20000000'), undefined],
  ['version 2, a UNIX socket', hex(SIGNATURE, '213100d8', '00'.repeat(216)), undefined],
] as const) {
  test(`decodes a header of ${title}, and leaves what follows`, () => {
    for (let length = 0; length < bytes.length; length++)
      assert.equal(decodeProxyHeader(bytes.subarray(0, length)), 'incomplete', `${length}`)
    const follows = Buffer.concat([bytes, Buffer.from('GET / HTTP/1.1\r\n')])
    assert.deepEqual(decodeProxyHeader(follows), { value, length: bytes.length })
  })
}

test('refuses what is no header, or too long a one, at once', () => {
  for (const bytes of [
    Buffer.from('GET / HTTP/1.1\r\n'),
    Buffer.from('PROXY TCP4 999.0.113.7 192.0.2.1 4711 443\r\n'),
    Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 70000 443\r\n'),
    Buffer.from('PROXY UDP4 203.0.113.7 192.0.2.1 1 443\r\n'),
    Buffer.from(`PROXY UNKNOWN ${'x'.repeat(107)}`),
    hex(SIGNATURE, '3111000c'),
    hex(SIGNATURE, '2111ffff'),
    hex(SIGNATURE, '21110004', 'cb007107'),
    hex('0d0a0d0b'),
  ])
    assert.equal(decodeProxyHeader(bytes), 'malformed', bytes.toString('latin1'))
})
