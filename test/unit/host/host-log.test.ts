import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TestContext, test } from 'node:test'
import { HOST_EVENT_LEVELS } from '../../../src/host/host-log.ts'
import { SupervisedWorld } from '../../support/supervised-world.ts'

/** Notes what a logger and the diagnostics channels are told, in the same form. */
function hearAll(t: TestContext) {
  const [logged, published]: [unknown[], unknown[]] = [[], []]
  const note = (event: string, fields: object): void => void logged.push([event, fields])
  for (const event of Object.keys(HOST_EVENT_LEVELS)) {
    const listener = (fields: unknown): void => void published.push([event, fields])
    subscribe(`pluggable-transports:${event}`, listener)
    t.after(() => unsubscribe(`pluggable-transports:${event}`, listener))
  }
  return { logged, published, logger: { debug: note, info: note, warn: note, error: note } }
}

test('tells its logger and the diagnostics channels what happens, in none of the words of the child', async (t) => {
  const { logged, published, logger } = hearAll(t)
  const world = new SupervisedWorld({ logger, maxRestarts: 1 })
  const host = await world.ready()
  host.on('error', () => {})
  world.children.last.say('LOG WARN no way to 192.0.2.7', 'STATUS TRANSPORT=a ADDRESS=192.0.2.7')
  world.children.last.complain('192.0.2.7 is down')
  world.children.last.exit({ code: 1, signal: null })
  await world.clock.advance(1_000)
  const error = Object.assign(new Error('spawn 192.0.2.7'), { code: 'EACCES' })
  world.children.last.exit({ code: null, signal: null, error })
  const common = { role: 'client', transports: ['a'] }
  assert.deepEqual(logged, [
    ['host:start', common],
    ['host:ready', { ...common, version: '1', methods: ['a'] }],
    ['host:log', { ...common, severity: 'warning' }],
    ['host:exit', { ...common, code: 1, signal: null }],
    ['host:restart', { ...common, delayMs: 1_000, attempt: 1 }],
    ['host:start', common],
    ['host:exit', { ...common, code: null, signal: null, error: 'EACCES' }],
    ['host:failed', { ...common, code: 'PT_HOST_EXITED' }],
    ['host:close', common],
  ])
  assert.deepEqual(published, logged)
})

test('tells of a first start that failed, too', async (t) => {
  const { published } = hearAll(t)
  const world = new SupervisedWorld()
  world.children.last.say('ENV-ERROR no route to 192.0.2.7')
  await assert.rejects(world.launched, { code: 'PT_HOST_FAILED' })
  const common = { role: 'client', transports: ['a'] }
  assert.deepEqual(published, [
    ['host:start', common],
    ['host:failed', { ...common, code: 'PT_HOST_FAILED' }],
  ])
})
