import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type NtorClientInput,
  type NtorServerInput,
  ntorClient,
  ntorKeys,
  ntorServer,
} from '../../../src/crypto/ntor.ts'
import { importX25519PrivateKey } from '../../../src/crypto/x25519.ts'
import { hex, vectors } from './vectors.ts'

const client: NtorClientInput = {
  privateKey: hex(vectors.client.private),
  publicKey: hex(vectors.client.public),
  serverPublicKey: hex(vectors.server.public),
  identity: hex(vectors.identity.public),
  nodeId: hex(vectors.identity.nodeId),
}
const server: NtorServerInput = {
  privateKey: hex(vectors.server.private),
  publicKey: hex(vectors.server.public),
  clientPublicKey: hex(vectors.client.public),
  identityPrivateKey: hex(vectors.identity.private),
  identity: hex(vectors.identity.public),
  nodeId: hex(vectors.identity.nodeId),
}
const expected = { keySeed: hex(vectors.handshake.keySeed), auth: hex(vectors.handshake.auth) }

test("computes the vector on the client's side", () => {
  assert.deepEqual(ntorClient(client), expected)
})

test("computes the vector on the server's side, with raw and with imported keys", () => {
  assert.deepEqual(ntorServer(server), expected)
  const imported = importX25519PrivateKey(hex(vectors.identity.private))
  assert.deepEqual(ntorServer({ ...server, identityPrivateKey: imported }), expected)
})

test('expands the vector to frame keys', () => {
  assert.equal(ntorKeys(expected.keySeed).toString('hex'), vectors.handshake.okm144)
})

for (const [name, point] of [
  ['zero', Buffer.alloc(32)],
  ['one', Buffer.alloc(32).fill(1, 0, 1)],
] as const) {
  test(`refuses a session key of low order: ${name}`, () => {
    assert.equal(ntorClient({ ...client, serverPublicKey: point }), undefined)
    assert.equal(ntorServer({ ...server, clientPublicKey: point }), undefined)
  })

  test(`refuses an identity key of low order: ${name}`, () => {
    assert.equal(ntorClient({ ...client, identity: point }), undefined)
  })
}

test('gives another key seed and AUTH for another node id', () => {
  const other = ntorClient({ ...client, nodeId: Buffer.alloc(20) })
  assert.notDeepEqual(other?.keySeed, expected.keySeed)
  assert.notDeepEqual(other?.auth, expected.auth)
})

test('refuses inputs of other lengths', () => {
  assert.throws(() => ntorClient({ ...client, nodeId: Buffer.alloc(19) }), RangeError)
  assert.throws(() => ntorClient({ ...client, publicKey: Buffer.alloc(31) }), RangeError)
  assert.throws(() => ntorServer({ ...server, clientPublicKey: Buffer.alloc(33) }), RangeError)
})
