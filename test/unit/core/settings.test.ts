import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import type { FactorySettings } from '../../../src/core/transport.ts'
import { systemPlatform } from '../../../src/platform/index.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { scriptedTransport } from '../../support/scripted-transport.ts'

/** Every way to give settings. */
function factories(settings: unknown): (() => unknown)[] {
  const { transport } = scriptedTransport()
  const given = settings as FactorySettings
  return [
    () => transport.client({ token: 't' }, given),
    () => transport.server({}, given),
    () => transport.clientFor({ transport: 'scripted', arguments: {} }, given),
  ]
}

function refuses(settings: unknown, code: string, message: RegExp): void {
  for (const make of factories(settings)) assert.throws(make, { name: 'PtError', code, message })
}

test('an unknown setting throws, is named, and the near one is told', () => {
  refuses({ dialTimeout: 5 }, 'PT_OPTION_UNKNOWN', /"dialTimeout"; did you mean "dialTimeoutMs"\?$/)
  refuses({ unsafelogging: true }, 'PT_OPTION_UNKNOWN', /did you mean "unsafeLogging"\?/)
  refuses({ signal: AbortSignal.abort() }, 'PT_OPTION_UNKNOWN', /"signal"$/)
  refuses({ ['/etc/secret']: 1 }, 'PT_OPTION_UNKNOWN', /"\(not a name\)"$/)
  refuses({ [Symbol('x')]: 1 }, 'PT_OPTION_UNKNOWN', /setting/)
})

for (const settings of [null, 5, 'platform', [], () => undefined])
  test(`settings that are ${inspect(settings)} throw`, () =>
    refuses(settings, 'PT_OPTION_INVALID', /settings of a factory must be an object/))

test('a platform that lacks something throws, and what it lacks is told', () => {
  for (const platform of [null, 5, 'x']) refuses({ platform }, 'PT_OPTION_INVALID', /"platform" must be an object/)
  refuses({ platform: {} }, 'PT_OPTION_INVALID', /dialer\.dial\(\)/)
  const whole = createMemoryPlatform()
  refuses({ platform: { ...whole, store: null } }, 'PT_OPTION_INVALID', /store\.directory\(\)/)
  refuses({ platform: { ...whole, random: {} } }, 'PT_OPTION_INVALID', /random\.fill\(\)/)
  refuses({ platform: { ...whole, binder: { bind: 1 } } }, 'PT_OPTION_INVALID', /binder\.bind\(\)/)
  refuses(
    { platform: { ...whole, clock: { ...systemPlatform.clock, defer: undefined } } },
    'PT_OPTION_INVALID',
    /defer/,
  )
})

test('a logger that is none, or has a member that is no function, throws', () => {
  for (const logger of [null, 'console', true]) refuses({ logger }, 'PT_OPTION_INVALID', /"logger" must be an object/)
  refuses({ logger: { warn: true } }, 'PT_OPTION_INVALID', /"warn" of setting "logger"/)
  refuses({ logger: { debug: null } }, 'PT_OPTION_INVALID', /"debug" of setting "logger"/)
})

test('a switch that is neither true nor false, and a time that is none, throw', () => {
  for (const name of ['unsafeLogging', 'optionsPerConnection'])
    for (const value of ['false', 0, null]) refuses({ [name]: value }, 'PT_OPTION_INVALID', new RegExp(`"${name}"`))
  refuses({ lingerMs: -1 }, 'PT_OPTION_INVALID', /"lingerMs"/)
})

test('settings that are absent or whole are taken', () => {
  const platform = createMemoryPlatform()
  const all = { platform, logger: console, lingerMs: 5, unsafeLogging: false, optionsPerConnection: true }
  const nothing = Object.fromEntries(Object.keys(all).map((name) => [name, undefined]))
  for (const settings of [undefined, {}, nothing, all, { platform: systemPlatform }])
    for (const make of factories(settings).slice(0, 2)) assert.doesNotThrow(make)
})
