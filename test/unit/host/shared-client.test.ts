import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { SharedClient } from '../../../src/host/shared-client.ts'
import { supervise } from '../../../src/host/supervisor.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { FakeChildren } from '../../support/fake-children.ts'
import { CLIENT, READY } from '../../support/supervised-world.ts'

const IDLE_MS = 5_000
const NEVER = new AbortController().signal

/** A shared client whose children say at once what they offer. */
function open(idleStopMs?: number) {
  const children = new FakeChildren()
  const clock = new FakeClock()
  const client = new SharedClient({
    start: (supervision) => {
      const launched = supervise(children.start, CLIENT, supervision, clock)
      children.last.say(...READY)
      return launched
    },
    clock,
    idleStopMs,
  })
  const dial = async (): Promise<PassThrough> =>
    (await client.dialThrough(() => Promise.resolve(new PassThrough()), NEVER)) as PassThrough
  /** Ends a stream as the far end does. */
  const end = async (stream: PassThrough): Promise<void> => {
    stream.destroy()
    await clock.settle()
  }
  return { children, clock, client, dial, end }
}

test('stops a child that has been idle for so long, and launches another for the next dial', async () => {
  const { children, clock, dial, end } = open(IDLE_MS)
  const [one, two] = [await dial(), await dial()]
  await end(one)
  await clock.advance(IDLE_MS * 2)
  assert.deepEqual(children.last.steps, [])
  await end(two)
  await clock.advance(IDLE_MS - 1)
  assert.deepEqual(children.last.steps, [])
  await clock.advance(1)
  assert.deepEqual(children.last.steps, ['input'])
  await end(await dial())
  assert.equal(children.all.length, 2)
  assert.equal(clock.timerCount, 1)
})

test('begins the time anew with each dial, one that fails too', async () => {
  const { children, clock, client, dial, end } = open(IDLE_MS)
  await end(await dial())
  await clock.advance(IDLE_MS - 1)
  await assert.rejects(client.dialThrough(() => Promise.reject(new Error('no')), NEVER))
  await clock.advance(IDLE_MS - 1)
  assert.deepEqual(children.last.steps, [])
  await clock.advance(1)
  assert.deepEqual(children.last.steps, ['input'])
})

test('keeps a child for ever unless it is told otherwise', async () => {
  const { children, clock, dial, end } = open()
  await end(await dial())
  assert.equal(clock.timerCount, 0)
  assert.deepEqual(children.last.steps, [])
})

test('has the program live for a child while somebody dials, and no longer', async () => {
  const { children, client, dial } = open()
  const one = await dial()
  assert.equal(children.last.isReferenced, false)
  await client.dialThrough(() => {
    assert.equal(children.last.isReferenced, true)
    return Promise.resolve(new PassThrough())
  }, NEVER)
  assert.equal(children.last.isReferenced, false)
  one.destroy()
})

test('does not launch a child before the one that is being ended is gone', async () => {
  const { children, client, dial } = open()
  await dial()
  children.last.obeys.clear()
  const closed = client.close()
  const next = dial()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(children.all.length, 1)
  children.last.exit()
  await closed
  await next
  assert.equal(children.all.length, 2)
})
