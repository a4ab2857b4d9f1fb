import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IpcFailure } from '../../../src/ipc/failure.ts'
import {
  formatClientMethod,
  formatClientMethodError,
  formatFailure,
  formatServerMethod,
  formatServerMethodError,
} from '../../../src/ipc/lines.ts'

const BOUND = { host: '127.0.0.1', port: 32_525 }

test('says where a client listens, and what it speaks', () => {
  assert.equal(formatClientMethod('obfs4', 'socks5', BOUND), 'CMETHOD obfs4 socks5 127.0.0.1:32525')
  assert.equal(formatClientMethod('obfs4', 'STUN', { host: '::1', port: 8 }), 'CMETHOD obfs4 STUN [::1]:8')
})

test('says where a server listens, with arguments in the order given', () => {
  const args = { cert: 'HszPy3vWfjsESC/x+y', 'iat-mode': '0' }
  assert.equal(
    formatServerMethod('obfs4', { host: '::', port: 443 }, args),
    'SMETHOD obfs4 [::]:443 ARGS:cert=HszPy3vWfjsESC/x+y,iat-mode=0',
  )
})

test('leaves ARGS out when there are none', () => {
  assert.equal(formatServerMethod('obfs4', BOUND, {}), 'SMETHOD obfs4 127.0.0.1:32525')
})

test('escapes backslash, equal sign and comma in arguments', () => {
  assert.equal(
    formatServerMethod('t', BOUND, { 'a=b': String.raw`c,d\e` }),
    String.raw`SMETHOD t 127.0.0.1:32525 ARGS:a\=b=c\,d\\e`,
  )
})

for (const value of ['a b', 'a\tb', 'a\nb', 'é', '\0'])
  test(`refuses ${JSON.stringify(value)} in an argument`, () => {
    assert.throws(() => formatServerMethod('t', BOUND, { key: value }), RangeError)
    assert.throws(() => formatServerMethod('t', BOUND, { [value]: 'value' }), RangeError)
  })

test('brings the text of an error onto one line of ASCII', () => {
  assert.equal(formatClientMethodError('obfs4', ' no\nrocks\0 \u2028here: ü '), 'CMETHOD-ERROR obfs4 no rocks here: ?')
})

test('gives every error a text', () => {
  assert.equal(formatServerMethodError('obfs4', '\n'), 'SMETHOD-ERROR obfs4 unknown error')
})

test('begins the line of a failure with its keyword', () => {
  assert.equal(formatFailure(new IpcFailure('env', 'a\nb', undefined)), 'ENV-ERROR a b')
  assert.equal(formatFailure(new IpcFailure('version', 'no-version', undefined)), 'VERSION-ERROR no-version')
  assert.equal(formatFailure(new IpcFailure('proxy', 'no', undefined)), 'PROXY-ERROR no')
})
