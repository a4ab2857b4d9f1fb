import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { PARENT_POLL_MS, isProcessAlive, watchParent } from '../../../cli/src/parent-watch.ts'

function watch(test: TestContext, parent: number) {
  test.mock.timers.enable({ apis: ['setTimeout'] })
  const world = { parent, alive: true, deaths: 0 }
  watchParent({
    startedBy: parent,
    parentId: () => world.parent,
    isAlive: () => world.alive,
    onDeath: () => world.deaths++,
  })
  return { world, tick: () => test.mock.timers.tick(PARENT_POLL_MS) }
}

test('tells the death of the parent once, when this process has another', (t) => {
  const { world, tick } = watch(t, 4711)
  tick()
  assert.equal(world.deaths, 0)
  world.parent = 1
  tick()
  tick()
  assert.equal(world.deaths, 1)
})

test('tells the death of a parent that died while this process was starting', (t) => {
  const { world } = watch(t, 4711)
  world.parent = 1
  t.mock.timers.tick(0)
  assert.equal(world.deaths, 1)
})

test('tells the death of a parent whose id stays', (t) => {
  const { world, tick } = watch(t, 4711)
  world.alive = false
  tick()
  assert.equal(world.deaths, 1)
})

for (const parent of [0, 1])
  test(`watches nothing when the parent is process ${parent} at the start`, (t) => {
    const { world, tick } = watch(t, parent)
    world.parent = 4711
    world.alive = false
    tick()
    assert.equal(world.deaths, 0)
  })

test('knows a process that lives from one that has ended', () => {
  assert.equal(isProcessAlive(process.pid), true)
  assert.equal(isProcessAlive(1), true)
  assert.equal(isProcessAlive(spawnSync(process.execPath, ['--version']).pid), false)
})
