import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatPassword, parsePassword } from '../../../../src/transports/scramblesuit/password.ts'
import { vectors } from './vectors.ts'

test('a password is the Base32 of 20 bytes', () => {
  assert.equal(parsePassword(vectors.password)!.toString('hex'), vectors.secret)
  assert.equal(formatPassword(Buffer.from(vectors.secret, 'hex')), vectors.password)
  for (const fill of [0, 0xff, 0x5a])
    assert.deepEqual(parsePassword(formatPassword(Buffer.alloc(20, fill))), Buffer.alloc(20, fill))
})

test('a password may be typed in lower case, with 1 and 0 for I and O', () => {
  const typed = vectors.password.toLowerCase().replaceAll('i', '1').replaceAll('o', '0')
  assert.notEqual(typed, vectors.password.toLowerCase())
  assert.equal(parsePassword(typed)!.toString('hex'), vectors.secret)
})

test('nothing else is a password', () => {
  const { password } = vectors
  for (const text of [
    '',
    password.slice(1),
    `${password}A`,
    `${password.slice(1)}8`,
    `${password.slice(1)}=`,
    `${password.slice(2)} A`,
    // Upper case makes two letters of it.
    `${password.slice(1)}\u00df`,
  ])
    assert.equal(parsePassword(text), undefined, text)
})
