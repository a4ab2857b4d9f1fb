import { describe, test } from 'node:test'
import { exchange } from '../../support/exchange.ts'
import { pairings } from '../../support/obfs4-pairings.ts'
import { skipWithoutObfs4proxy } from '../../support/obfs4proxy.ts'
import { readExactly } from '../../support/read-exactly.ts'
import { vectors } from '../../unit/crypto/vectors.ts'

const KIB = 1024
const MIB = 1024 * KIB

/** With this seed no table has a length of 0, at which obfs4proxy stops in iat-mode 2. */
const identity = {
  'node-id': vectors.identity.nodeId,
  'private-key': vectors.identity.private,
  'drbg-seed': vectors.drbg.seed,
}

describe('bytes arrive whole, both ways at once', { concurrency: true, skip: skipWithoutObfs4proxy }, () => {
  for (const { name, open } of pairings) {
    test(`${name}: 64 MiB each way in iat-mode 0`, { timeout: 30_000 }, async (t) => {
      const { connect, arrivals } = await open(t, { iatMode: 0 })
      const client = await connect()
      await exchange(client, await arrivals.next(), { toRight: 64 * MIB, toLeft: 64 * MIB })
    })

    test(`${name}: 1 MiB each way in iat-mode 1`, { timeout: 30_000 }, async (t) => {
      const { connect, arrivals } = await open(t, { iatMode: 1 })
      const client = await connect()
      await exchange(client, await arrivals.next(), { toRight: MIB, toLeft: MIB })
    })

    test(`${name}: 256 KiB each way in iat-mode 2`, { timeout: 30_000 }, async (t) => {
      const { connect, arrivals } = await open(t, { iatMode: 2, identity })
      const client = await connect()
      const server = await arrivals.next()
      // Until a byte has come, obfs4proxy's client draws lengths from a random table, which may have a 0.
      server.write(Buffer.alloc(1))
      await readExactly(client, 1)
      await exchange(client, server, { toRight: 256 * KIB, toLeft: 256 * KIB })
    })
  }
})
