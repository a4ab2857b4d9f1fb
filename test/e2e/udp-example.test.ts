import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { it } from 'node:test'
import { fileURLToPath } from 'node:url'

it('the example of UDP through obfs4 has its packets echoed, and ends', () => {
  const path = fileURLToPath(new URL('../../examples/udp-echo-over-obfs4.ts', import.meta.url))
  const run = spawnSync(process.execPath, ['--import', 'tsx', path], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(run.stdout, 'one\ntwo\nthree\n3 packets sent, 3 received\n', run.stderr)
  assert.equal(run.status, 0)
})
