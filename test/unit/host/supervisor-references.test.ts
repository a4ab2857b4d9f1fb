import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Timer } from '../../../src/core/platform.ts'
import { FakeClock } from '../../../src/testing/fake-clock.ts'
import { CLIENT, READY, SupervisedWorld } from '../../support/supervised-world.ts'

test('has the program live for it until it is unreferenced, its next child and the time before that too', async () => {
  const refs: (boolean | undefined)[] = []
  class NotingClock extends FakeClock {
    override setTimer(callback: () => void, delayMs: number, options?: { readonly ref?: boolean }): Timer {
      refs.push(options?.ref)
      return super.setTimer(callback, delayMs)
    }
  }
  const world = new SupervisedWorld({}, CLIENT, new NotingClock())
  const host = await world.ready()
  assert.equal(world.children.last.isReferenced, true)
  assert.equal(host.unref(), host)
  assert.equal(world.children.last.isReferenced, false)
  refs.length = 0
  world.children.last.exit()
  assert.deepEqual(refs, [false])
  host.ref()
  host.unref()
  assert.deepEqual(refs, [false, true, false])
  await world.clock.advance(1_000)
  assert.equal(world.children.last.isReferenced, false)
  world.children.last.say(...READY)
  assert.equal(host.ref(), host)
  assert.equal(world.children.last.isReferenced, true)
})

test('has the program live for a stop that is under way', async () => {
  const world = new SupervisedWorld()
  const host = (await world.ready()).unref()
  world.children.last.obeys.clear()
  const stopped = host.stop()
  await world.clock.settle()
  host.unref()
  assert.equal(world.children.last.isReferenced, true)
  world.children.last.exit()
  await stopped
})
