import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { launch } from '../../../src/host/index.ts'
import { hasCommand } from '../../support/commands.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const skip =
  hasCommand('snowflake-client') || process.env['PT_REQUIRE_PEERS'] === '1'
    ? false
    : 'snowflake-client is not installed (apt-get install snowflake-client)'

test('snowflake-client starts, reports its method and stops', { skip }, async (t) => {
  const stateDir = await temporaryDirectory(t)
  const host = await launch({ command: 'snowflake-client', transports: ['snowflake'], role: 'client', stateDir })
  t.after(() => host.stop())
  const method = host.methods.get('snowflake')!
  assert.equal(host.version, '1')
  assert.ok(method.kind === 'client' && method.protocol === 'socks5')
  assert.equal(method.address.host, '127.0.0.1')
  const { pid } = host
  assert.ok(pid !== undefined && process.kill(pid, 0))
  const { code, signal } = await host.stop()
  assert.deepEqual({ code, signal }, { code: 0, signal: null })
  assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

test('snowflake-client is refused with a proxy that it does not take', { skip }, async (t) => {
  const stateDir = await temporaryDirectory(t)
  const client = { command: 'snowflake-client', transports: ['snowflake'], role: 'client', stateDir } as const
  await assert.rejects(launch({ ...client, proxy: 'http://127.0.0.1:9' }), { code: 'PT_HOST_PROXY' })
})
