import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { nextMessage, startBuiltProcess } from '../support/built-process.ts'

const GIBIBYTE = 1_073_741_824
const PEAK_LIMIT_MIB = 150
const TIME_LIMIT_MS = 60_000
const PEER = new URL('../support/transfer-peer.ts', import.meta.url)

interface Result {
  readonly sent: string
  readonly received: string
  readonly peakMiB: number
  readonly cpu: NodeJS.CpuUsage
}

/** Sends 1 GiB each way at once between two processes of the built code. */
async function transfer(context: TestContext, carrier: 'obfs4' | 'net') {
  const server = startBuiltProcess(PEER, { carrier, length: GIBIBYTE, seed: 1 })
  context.after(() => void server.kill())
  const address = await nextMessage<object>(server)
  const startedAt = performance.now()
  const client = startBuiltProcess(PEER, { carrier, length: GIBIBYTE, seed: 2, server: address })
  context.after(() => void client.kill())
  const [accepted, connected] = await Promise.all([nextMessage<Result>(server), nextMessage<Result>(client)])
  const elapsedMs = performance.now() - startedAt
  for (const [side, { peakMiB, cpu }] of Object.entries({ server: accepted, client: connected })) {
    const cpuSeconds = (cpu.user + cpu.system) / 1e6
    context.diagnostic(`${carrier} ${side}: peak RSS ${peakMiB.toFixed(0)} MiB, CPU ${cpuSeconds.toFixed(1)} s`)
  }
  context.diagnostic(`${carrier}: 1 GiB each way in ${(elapsedMs / 1000).toFixed(1)} s`)
  return { accepted, connected, elapsedMs }
}

test('1 GiB each way at once arrives whole over one Connection, in flat memory', async (context) => {
  const { accepted, connected, elapsedMs } = await transfer(context, 'obfs4')
  assert.equal(accepted.received, connected.sent)
  assert.equal(connected.received, accepted.sent)
  assert.notEqual(accepted.sent, connected.sent)
  for (const { peakMiB } of [accepted, connected]) {
    assert.ok(peakMiB < PEAK_LIMIT_MIB, `peak RSS is ${peakMiB.toFixed(0)} MiB, limit ${PEAK_LIMIT_MIB}`)
  }
  assert.ok(elapsedMs < TIME_LIMIT_MS, `it took ${elapsedMs.toFixed(0)} ms, limit ${TIME_LIMIT_MS}`)
})

test('1 GiB each way over a bare socket, for comparison', async (context) => {
  const { accepted, connected } = await transfer(context, 'net')
  assert.equal(accepted.received, connected.sent)
  assert.equal(connected.received, accepted.sent)
})
