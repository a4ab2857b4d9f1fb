import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { runConformance } from 'pluggable-transports/testing'
import { lengthy } from '../../examples/own-transport.ts'

runConformance({
  transport: lengthy,
  client: (listener) => listener.clientArguments,
  server: { phrase: 'open sesame' },
  traits: { integrity: false, silent: false },
})

describe('the example of a transport of one’s own', () => {
  it('carries a line there and back', () => {
    const path = fileURLToPath(new URL('../../examples/own-transport.ts', import.meta.url))
    const { stdout, status } = spawnSync(process.execPath, ['--import', 'tsx', path], { encoding: 'utf8' })
    assert.match(stdout, /^Hello through a transport of my own\n36 bytes written, 86 sent on the wire\n$/)
    assert.equal(status, 0)
  })
})
