import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { formatCert, parseCert, parseHex } from '../../../../src/transports/obfs4/cert.ts'

const vectors = JSON.parse(readFileSync(new URL('../../../vectors/obfs4.json', import.meta.url), 'utf8')) as {
  readonly identity: { readonly cert: string; readonly nodeId: string; readonly public: string }
}
const { cert, nodeId, public: publicKey } = vectors.identity

test('formats and parses the cert of the vectors', () => {
  assert.equal(formatCert({ nodeId: Buffer.from(nodeId, 'hex'), publicKey: Buffer.from(publicKey, 'hex') }), cert)
  const identity = parseCert(cert)
  assert.equal(identity?.nodeId.toString('hex'), nodeId)
  assert.equal(identity?.publicKey.toString('hex'), publicKey)
})

test('parses a cert with its padding as without', () => {
  assert.deepEqual(parseCert(`${cert}==`), parseCert(cert))
})

test('refuses a cert of another length', () => {
  for (const text of ['', '==', cert.slice(1), `${cert}A`, `${cert}=`, `${cert}===`, `${cert}====`, cert + cert])
    assert.equal(parseCert(text), undefined, text)
})

test('refuses a cert in another alphabet than that of standard Base64', () => {
  for (const character of ['-', '_', ' ', '\n', '=', '.', 'é', '\0'])
    for (const index of [0, 35, 69])
      assert.equal(parseCert(cert.slice(0, index) + character + cert.slice(index + 1)), undefined)
})

test('formats no cert of other lengths', () => {
  assert.throws(() => formatCert({ nodeId: Buffer.alloc(19), publicKey: Buffer.alloc(33) }), RangeError)
})

test('parses hex of either case and of exactly the length', () => {
  assert.deepEqual(parseHex('00aAFf', 3), Buffer.from([0, 0xaa, 0xff]))
  for (const text of ['', '00aaf', '00aafff', '00aaff00', '00aagg', '0xaaff', ' 0aaff', '00aaff\n'])
    assert.equal(parseHex(text, 3), undefined, text)
})
