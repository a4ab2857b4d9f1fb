import assert from 'node:assert/strict'
import type { Duplex } from 'node:stream'
import { computeClientHash, computeServerHash } from '../../src/wire/extended-orport.ts'
import { readExactly } from './read-exactly.ts'

export const COOKIE = Buffer.alloc(32, 0x5a)
export const COOKIE_FILE = Buffer.concat([Buffer.from('! Extended ORPort Auth Cookie !\n'), COOKIE])
export const OKAY = Buffer.from('10000000', 'hex')

const serverNonce = Buffer.alloc(32, 0xc3)

/** Authenticates as tor does, up to the answer to the client's hash. Rejects when the client chooses another type, or its hash is wrong. */
export async function challengeClient(
  stream: Duplex,
  { types = [2, 1, 0], spoil = false }: { readonly types?: number[]; readonly spoil?: boolean } = {},
): Promise<void> {
  stream.write(Buffer.from(types))
  const chosen = await readExactly(stream, 33)
  assert.equal(chosen[0], 1)
  const exchange = { cookie: COOKIE, clientNonce: chosen.subarray(1), serverNonce }
  const hash = computeServerHash(exchange)
  if (spoil) hash[0]! ^= 1
  stream.write(Buffer.concat([hash, serverNonce]))
  assert.deepEqual(await readExactly(stream, 32), computeClientHash(exchange))
}

/** Authenticates, and reads the client's description up to DONE, which it returns: by type, as text. OKAY is still to be sent. */
export async function acceptClient(stream: Duplex): Promise<ReadonlyMap<number, string>> {
  await challengeClient(stream)
  stream.write(Buffer.of(1))
  const description = new Map<number, string>()
  for (;;) {
    const header = await readExactly(stream, 4)
    const [type, length] = [header.readUInt16BE(0), header.readUInt16BE(2)]
    if (type === 0) return description
    description.set(type, (await readExactly(stream, length)).toString('latin1'))
  }
}
