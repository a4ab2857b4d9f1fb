import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { parseProxyUri } from '../../../src/wire/proxy-uri.ts'

function parsed(text: string) {
  const result = parseProxyUri(text)
  assert.ok('proxy' in result, `${text}: ${'fault' in result ? result.fault : ''}`)
  const { scheme, host, port, credentials } = result.proxy
  return [scheme, host, port, credentials?.username.toString('latin1'), credentials?.password.toString('latin1')]
}

function fault(text: string): string {
  const result = parseProxyUri(text)
  assert.ok('fault' in result, text)
  return result.fault
}

test('parses each scheme, in any case', () => {
  assert.deepEqual(parsed('http://192.0.2.1:8080'), ['http', '192.0.2.1', 8080, undefined, undefined])
  assert.deepEqual(parsed('SOCKS4A://192.0.2.1:1080'), ['socks4a', '192.0.2.1', 1080, undefined, undefined])
  assert.deepEqual(parsed('socks5://[2001:db8::1]:1080'), ['socks5', '2001:db8::1', 1080, undefined, undefined])
})

test('takes credentials as tor writes them, raw', () => {
  assert.deepEqual(parsed('socks5://us:p@s:s/w?o%r#d@192.0.2.1:1'), ['socks5', '192.0.2.1', 1, 'us', 'p@s:s/w?o%r#d'])
  assert.deepEqual(parsed('http://a@b:@192.0.2.1:1'), ['http', '192.0.2.1', 1, 'a@b', ''])
  assert.deepEqual(parsed('socks4a://who@192.0.2.1:1'), ['socks4a', '192.0.2.1', 1, 'who', ''])
})

test('decodes percent and two hex digits, and leaves any other percent', () => {
  assert.deepEqual(parsed('socks5://%41%ff:100%25%zz%4@192.0.2.1:1').slice(3), ['A\xff', '100%%zz%4'])
})

test('requires an IP address and a port, and nothing after them', () => {
  const wrong = [
    'http://example.com:80',
    'http://192.0.2.1',
    'http://192.0.2.1:0',
    'http://192.0.2.1:65536',
    'http://:80',
  ]
  wrong.push(
    'http://192.0.2.1:80/',
    'http://192.0.2.1:80/x',
    'http://[192.0.2.1]:80',
    'http://2001:db8::1:80',
    'http://[::1]',
  )
  wrong.push(
    'http://192.0.2.1:+80',
    'http://192.0.2.1:80 ',
    ' http://192.0.2.1:80',
    'http:192.0.2.1:80',
    '192.0.2.1:80',
    '',
  )
  for (const text of wrong) fault(text)
})

test('refuses schemes that it does not speak', () => {
  for (const scheme of ['https', 'socks4', 'socks', 'socks5h', 'ftp'])
    assert.match(fault(`${scheme}://192.0.2.1:1`), /scheme/)
})

test('refuses credentials that the protocol of the proxy cannot carry', () => {
  fault('socks4a://user:password@192.0.2.1:1')
  fault('socks4a://us%00er@192.0.2.1:1')
  assert.match(fault('socks5://user@192.0.2.1:1'), /user name and a password of 1 to 255 bytes each \(RFC 1929\)/)
  fault('socks5://user:@192.0.2.1:1')
  fault('socks5://:password@192.0.2.1:1')
  fault(`socks5://${'u'.repeat(256)}:p@192.0.2.1:1`)
  fault('http://us%3aer:p@192.0.2.1:1')
})

test('shows no part of the URI in a fault', () => {
  for (const text of ['ftp://SECRET@192.0.2.1:1', 'socks5://SECRET@192.0.2.1:1', 'http://a:b@SECRET:1', 'SECRET']) {
    assert.doesNotMatch(fault(text), /SECRET|192\.0/)
  }
})

test('reads back any credentials that are percent-encoded, and any raw ones', () => {
  const field = fc.uint8Array({ minLength: 1, maxLength: 60 })
  const encode = (bytes: Uint8Array): string =>
    [...bytes].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
  fc.assert(
    fc.property(field, field, (username, password) => {
      const uri = `socks5://${encode(username)}:${encode(password)}@192.0.2.1:9`
      assert.deepEqual(parsed(uri).slice(3), [latin1(username), latin1(password)])
    }),
  )
  const raw = fc.string({ unit: fc.constantFrom(...'ab@:/?#[]. '.split('')), minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(raw, (password) =>
      assert.deepEqual(parsed(`http://u:${password}@192.0.2.1:9`).slice(3), ['u', password]),
    ),
  )
})

test('survives any text', () => {
  fc.assert(fc.property(fc.string({ maxLength: 60 }), (text) => void parseProxyUri(`http://${text}`)))
})
