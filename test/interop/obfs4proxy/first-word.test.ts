import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { pairings } from '../../support/obfs4-pairings.ts'
import { skipWithoutObfs4proxy } from '../../support/obfs4proxy.ts'
import { readExactly } from '../../support/read-exactly.ts'

const GREETING = Buffer.from('220 the server speaks first\r\n')
const RUN_COUNT = 20
/** So many that obfs4proxy's client is late in reading. */
const AT_ONCE_COUNT = 50

describe('a server that speaks first', { skip: skipWithoutObfs4proxy }, () => {
  for (const { name, open } of pairings) {
    test(`${name}: the greeting arrives although the client says nothing, ${RUN_COUNT} times`, async (t) => {
      const { connect, arrivals } = await open(t, {})
      arrivals.forEach((stream) => void stream.write(GREETING))
      for (let run = 0; run < RUN_COUNT; run++) {
        const client = await connect()
        assert.deepEqual(await withinSeconds(5, readExactly(client, GREETING.length)), GREETING)
        client.destroy()
      }
    })

    test(`${name}: the greeting arrives at ${AT_ONCE_COUNT} silent clients at once`, async (t) => {
      const { connect, arrivals } = await open(t, {})
      arrivals.forEach((stream) => void stream.write(GREETING))
      await Promise.all(
        Array.from({ length: AT_ONCE_COUNT }, async () => {
          const client = await connect()
          assert.deepEqual(await withinSeconds(5, readExactly(client, GREETING.length)), GREETING)
        }),
      )
    })
  }
})

/** Rejects when the promise takes longer, so that a stall is told as one. */
function withinSeconds<Value>(seconds: number, promise: Promise<Value>): Promise<Value> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`nothing came within ${seconds} s`)), seconds * 1000)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
