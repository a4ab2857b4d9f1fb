import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StartChild } from '../../../src/host/child.ts'
import { supervise } from '../../../src/host/supervisor.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { CLIENT, SupervisedWorld as World } from '../../support/supervised-world.ts'

const FAULTY_STARTS: Readonly<Record<string, StartChild>> = {
  throws: () => {
    throw new Error('no room')
  },
  'returns nothing': () => undefined as never,
  'returns a promise': () => Promise.resolve() as never,
}

for (const [what, faulty] of Object.entries(FAULTY_STARTS))
  test(`takes a StartChild that ${what} for a child that could not be started, the first time and later`, async () => {
    const clock = new FakeClock()
    await assert.rejects(supervise(faulty, CLIENT, {}, clock), {
      code: 'PT_HOST_EXITED',
      message: /could not be started: (no room|.*no child)$/,
    })
    assert.equal(clock.timerCount, 0)

    const world = new World({ maxRestarts: 1, restartDelayMs: 10 })
    const host = await world.ready()
    world.children.start = faulty
    world.children.last.exit()
    await world.clock.advance(10)
    assert.deepEqual(world.names, ['exit', 'restart', 'exit', 'error', 'close'])
    assert.deepEqual([host.closed, world.clock.timerCount], [true, 0])
  })

test('refuses what is no StartChild before anything is started', async () => {
  await assert.rejects(supervise(5 as never, CLIENT), { code: 'PT_OPTION_INVALID', message: /"startChild"/ })
})
