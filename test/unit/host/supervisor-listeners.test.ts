import assert from 'node:assert/strict'
import { getEventListeners } from 'node:events'
import { test } from 'node:test'
import { READY, SupervisedWorld as World } from '../../support/supervised-world.ts'
import { uncaughtErrors } from '../../support/uncaught-errors.ts'

for (const event of ['log', 'exit', 'restart', 'ready', 'error', 'close'] as const)
  test(`a listener of '${event}' that throws is uncaught, and keeps nothing that follows from coming`, async () => {
    const world = new World({ maxRestarts: 1, restartDelayMs: 10 })
    const host = await world.ready()
    const failure = new Error('not mine')
    const uncaught = await uncaughtErrors(async () => {
      host.prependOnceListener(event, () => {
        throw failure
      })
      world.children.last.say('LOG SEVERITY=info MESSAGE="x"')
      world.children.last.exit()
      await world.clock.advance(10)
      world.children.last.say(...READY)
      world.children.last.exit()
      await world.clock.advance(20)
      world.children.last.exit()
      await world.clock.settle()
    })
    assert.deepEqual(uncaught, [failure])
    const all = ['log', 'exit', 'restart', 'ready', 'exit', 'restart', 'exit', 'error', 'close']
    assert.deepEqual(
      world.names,
      all.filter((_, index) => index !== all.indexOf(event)),
    )
    assert.deepEqual([host.closed, world.clock.timerCount], [true, 0])
  })

test("what nobody listens for as 'error' is uncaught, and 'close' comes", async () => {
  const world = new World({ maxRestarts: 1, restartDelayMs: 10 })
  const host = await world.ready()
  host.removeAllListeners('error')
  const uncaught = await uncaughtErrors(async () => {
    world.children.last.exit()
    await world.clock.advance(10)
    world.children.last.exit()
    await world.clock.settle()
  })
  assert.deepEqual(
    uncaught.map((error) => (error as NodeJS.ErrnoException).code),
    ['PT_HOST_EXITED'],
  )
  assert.equal(world.names.at(-1), 'close')
})

test('lets any number wait for the next child without a warning', async () => {
  const world = new World()
  const host = await world.ready()
  assert.equal(host.getMaxListeners(), 0)
})

test('lets go of the signal when no child is left', async () => {
  const { signal } = new AbortController()
  const stopped = new World({ signal })
  const host = await stopped.ready()
  assert.equal(getEventListeners(signal, 'abort').length, 1)
  await host.stop()
  const failed = new World({ signal })
  failed.children.last.exit()
  await assert.rejects(failed.launched)
  const ended = new World({ signal, restart: false })
  await ended.ready()
  ended.children.last.exit()
  assert.equal(getEventListeners(signal, 'abort').length, 0)
})
