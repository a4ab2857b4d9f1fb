import { describe, it } from 'node:test'
import type { Clock } from '../../src/core/platform.ts'
import type { FactorySettings } from '../../src/core/transport.ts'
import { systemPlatform } from '../../src/platform/index.ts'
import { type Runner, runConformance } from '../../src/testing/index.ts'
import {
  type ShadowsocksClientInput,
  type ShadowsocksServerInput,
  shadowsocks,
} from '../../src/transports/shadowsocks/index.ts'

const traits = { handshake: false, datagrams: true } as const

/** A server's clock of 2022: what it says first, at the start, is two minutes ago, so that nobody waits for the time after a start to pass. */
function startedEarlier(clock: Clock): Clock {
  let hasStarted = false
  return {
    now: () => {
      const earlier = hasStarted ? 0 : 120_000
      hasStarted = true
      return clock.now() - earlier
    },
    monotonic: () => clock.monotonic(),
    setTimer: (callback, delayMs, options) => clock.setTimer(callback, delayMs, options),
    defer: (task) => clock.defer(task),
  }
}

const started = {
  name: 'shadowsocks',
  client: (options: ShadowsocksClientInput, settings?: FactorySettings) => shadowsocks.client(options, settings),
  server: (options: ShadowsocksServerInput, settings: FactorySettings = {}) => {
    const platform = settings.platform ?? systemPlatform
    return shadowsocks.server(options, {
      ...settings,
      platform: { ...platform, clock: startedEarlier(platform.clock) },
    })
  },
}

runConformance({
  transport: shadowsocks,
  client: (listener) => listener.clientArguments,
  server: { method: 'aes-256-gcm', password: 'conformance' },
  traits,
})

// The codec is the same with every cipher: what walks far is left out.
const withoutWalks: Runner = {
  describe: (title, define) => void describe(title, define),
  it: (title, test) => void (/flip in the data|is cut/.test(title) || it(title, test)),
}

for (const [method, password] of [
  ['chacha20-ietf-poly1305', 'conformance'],
  ['2022-blake3-aes-256-gcm', Buffer.alloc(32, 7).toString('base64')],
] as const) {
  describe(method, () => {
    runConformance(
      { transport: started, client: (listener) => listener.clientArguments, server: { method, password }, traits },
      method.startsWith('2022') ? undefined : withoutWalks,
    )
  })
}
