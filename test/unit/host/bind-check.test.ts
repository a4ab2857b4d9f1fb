import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeLie } from '../../../src/host/bind-check.ts'

const CASES = [
  ['127.0.0.1', 5, '127.0.0.1', 5, undefined],
  ['127.0.0.1', 0, '127.0.0.1', 5, undefined],
  ['127.0.0.1', 5, '127.0.0.1', 6, 'port'],
  ['127.0.0.1', 5, '127.0.0.2', 5, 'address'],
  ['127.0.0.1', 0, '127.0.0.2', 5, 'address'],
  ['127.0.0.1', 5, '0.0.0.0', 5, 'address'],
  ['127.0.0.1', 5, '::', 5, 'address'],
  ['127.0.0.1', 5, '::1', 5, 'address'],
  ['127.0.0.1', 5, '::ffff:127.0.0.1', 5, undefined],
  ['::ffff:127.0.0.1', 5, '127.0.0.1', 5, undefined],
  ['2001:db8::1', 5, '2001:DB8:0:0::1', 5, undefined],
  ['2001:db8::1', 5, '2001:db8::2', 5, 'address'],
  ['fe80::1%eth0', 5, 'fe80::1', 5, undefined],
  ['0.0.0.0', 0, '::', 5, undefined],
  ['0.0.0.0', 5, '192.0.2.1', 5, undefined],
  ['0.0.0.0', 5, '0.0.0.0', 6, 'port'],
  ['::', 5, '0.0.0.0', 5, undefined],
  ['0:0::0', 5, '127.0.0.1', 5, undefined],
] as const

for (const [givenHost, givenPort, toldHost, toldPort, lie] of CASES)
  test(`told to listen on ${givenHost} port ${givenPort}, ${lie ? `lies of the ${lie} with` : 'may say'} ${toldHost} port ${toldPort}`, () => {
    assert.equal(describeLie({ host: givenHost, port: givenPort }, { host: toldHost, port: toldPort }), lie)
  })

test('may say anything where it was told nothing', () => {
  assert.equal(describeLie(undefined, { host: '192.0.2.1', port: 5 }), undefined)
})
