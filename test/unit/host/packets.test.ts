import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { createRegistry } from '../../../src/core/registry.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { hostTransport } from '../../../src/host/host-transport.ts'
import { startInProcess } from '../../../src/host/in-process.ts'
import { type MemoryPlatform, createMemoryPlatform, plain } from '../../../src/testing/index.ts'
import { exchangePackets } from '../../support/packet-exchange.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const registry = createRegistry<Transport>([plain])

async function hosted(t: TestContext, platform: MemoryPlatform): Promise<Transport> {
  const startChild = startInProcess({ registry, platform })
  const transport = hostTransport({ startChild, stateDir: await temporaryDirectory(t) }, 'plain')
  t.after(() => transport.close())
  return transport
}

/** Has what is put off to the end of a turn happen, and time pass, in every turn until the test ends. */
function keepRunning(t: TestContext, { clock }: MemoryPlatform): void {
  const ending = new AbortController()
  const run = async (): Promise<void> => {
    while (!ending.signal.aborted) {
      await clock.runDeferred()
      await clock.advance(1)
    }
  }
  void run()
  t.after(() => ending.abort())
}

for (const framing of ['length-prefix', 'stun'] as const)
  test(`carries packets by ${framing} in memory, as client, as server and as both`, async (t) => {
    const platform = createMemoryPlatform()
    keepRunning(t, platform)
    const adapter = await hosted(t, platform)
    for (const [from, to] of [
      [adapter, plain],
      [plain, await hosted(t, platform)],
      [adapter, await hosted(t, platform)],
    ] as const) {
      const listener = to.server({}, { platform }).listen({ host: '127.0.0.1', port: 0, packets: { framing } })
      await once(listener, 'listening')
      const { port } = listener.address() as { readonly port: number }
      await exchangePackets(listener, { connectTo: (args) => from.client(args, { platform }), port, framing })
      const closed = once(listener, 'close')
      listener.close()
      listener.closeAllConnections()
      await closed
    }
  })

test('has no datagrams of its own, whatever the transport has', async (t) => {
  const platform = createMemoryPlatform()
  const adapter = await hosted(t, platform)
  const unsupported = { code: 'PT_PACKETS_UNSUPPORTED' }
  const to = { host: '127.0.0.1', port: 1, framing: 'datagrams' } as const
  assert.throws(() => adapter.client({}, { platform }).connectPackets(to), unsupported)
  const packets = { framing: 'datagrams' } as const
  assert.throws(() => adapter.server({}, { platform }).listen({ port: 1, host: '127.0.0.1', packets }), unsupported)
})
