import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Duplex } from 'node:stream'
import { receive, send } from '../../support/exchange.ts'
import { pairings } from '../../support/obfs4-pairings.ts'
import { skipWithoutObfs4proxy } from '../../support/obfs4proxy.ts'

const CONNECTION_COUNT = 50
const LENGTH = 128 * 1024

describe('many connections at once', { skip: skipWithoutObfs4proxy }, () => {
  for (const { name, open } of pairings) {
    test(`${name}: ${CONNECTION_COUNT} at once get back what each sent`, { timeout: 30_000 }, async (t) => {
      const { connect, arrivals } = await open(t, {})
      arrivals.forEach((stream: Duplex) => void stream.pipe(stream))
      await Promise.all(
        Array.from({ length: CONNECTION_COUNT }, async () => {
          const client = await connect()
          const [sent, received] = await Promise.all([send(client, LENGTH), receive(client, LENGTH)])
          assert.equal(received, sent)
        }),
      )
    })
  }
})
