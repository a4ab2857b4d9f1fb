import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeConnectResponse, encodeConnectRequest, MAX_HEAD_LENGTH } from '../../../src/wire/http-connect.ts'
import { assertIncremental, assertTotal } from './decoding-laws.ts'

test('asks for names, IPv4 and bracketed IPv6', () => {
  const request = (host: string): string => encodeConnectRequest({ host, port: 443 }).toString()
  assert.equal(request('example.com'), 'CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n')
  assert.equal(request('192.0.2.1'), 'CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n')
  assert.equal(request('2001:db8::1'), 'CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n\r\n')
})

test('authenticates with the Basic scheme', () => {
  const credentials = { username: Buffer.from('Aladdin'), password: Buffer.from('open sesame') }
  const request = encodeConnectRequest({ host: 'a', port: 1 }, credentials).toString()
  assert.match(request, /\r\nProxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n$/)
})

test('puts no host on the line that could end it or be another', () => {
  for (const host of ['', 'a b', 'a\r\nX: y', 'a:80', 'a/b', 'user@a', '[::1]']) {
    assert.throws(() => encodeConnectRequest({ host, port: 1 }), RangeError, host)
  }
})

test('decodes the status and leaves the bytes after the head', () => {
  assertIncremental(decodeConnectResponse, Buffer.from('HTTP/1.1 200 Connection established\r\n\r\n'), 200)
  assertIncremental(
    decodeConnectResponse,
    Buffer.from('HTTP/1.0 407 No\r\nProxy-Authenticate: Basic\r\nX: y\r\n\r\n'),
    407,
  )
  assertIncremental(decodeConnectResponse, Buffer.from('HTTP/1.1 200\n\n'), 200)
})

test('passes over interim responses', () => {
  assertIncremental(decodeConnectResponse, Buffer.from('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 Go\r\n\r\n'), 204)
})

test('refuses what is not HTTP/1 at its first wrong byte', () => {
  assert.equal(decodeConnectResponse(Buffer.from('HTTX')), 'malformed')
  assert.equal(decodeConnectResponse(Buffer.from('HTTP/2 200 OK\r\n\r\n')), 'malformed')
  assert.equal(decodeConnectResponse(Buffer.from('HTTP/1.1 099 No\r\n\r\n')), 'malformed')
  assert.equal(decodeConnectResponse(Buffer.from('HTTP/1.1 2000 No\r\n\r\n')), 'malformed')
})

test('refuses a head past its limit', () => {
  const head = (length: number): Buffer => Buffer.from('HTTP/1.1 200 OK\r\nX: '.padEnd(length, 'y'))
  assert.equal(decodeConnectResponse(head(MAX_HEAD_LENGTH - 1)), 'incomplete')
  assert.equal(decodeConnectResponse(head(MAX_HEAD_LENGTH)), 'malformed')
  assert.equal(decodeConnectResponse(Buffer.from('HTTP/1.1 100 C\r\n\r\n'.repeat(1_000))), 'malformed')
})

test('survives any bytes', () => {
  assertTotal(decodeConnectResponse, ...Buffer.from('HTTP/1.1 200 OK\r\n'))
})
