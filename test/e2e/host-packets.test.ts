import { once } from 'node:events'
import { type TestContext, describe, test } from 'node:test'
import { type HostTransportSpec, hostTransport, startInProcess, startThread } from 'pluggable-transports/host'
import type { Transport } from 'pluggable-transports'
import { obfs4 } from 'pluggable-transports/obfs4'
import type { PacketFramingName } from '../../src/core/packet-framing.ts'
import { exchangePackets } from '../support/packet-exchange.ts'
import { skipWithoutObfs4proxy } from '../support/obfs4proxy.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

type Program = { readonly command: string } | Pick<Extract<HostTransportSpec, { startChild: unknown }>, 'startChild'>

const PROGRAMS: Readonly<Record<string, readonly [program: Program, skip: string | false]>> = {
  ptkit: [{ command: ptkitPath }, false],
  obfs4proxy: [{ command: 'obfs4proxy' }, skipWithoutObfs4proxy],
  'a thread': [{ startChild: startThread() }, false],
  'this process': [{ startChild: startInProcess() }, false],
}

async function hosted(t: TestContext, program: Program): Promise<Transport> {
  const transport = hostTransport({ ...program, stateDir: await temporaryDirectory(t) }, 'obfs4')
  t.after(() => transport.close())
  return transport
}

async function carry(t: TestContext, from: Transport, to: Transport, framing: PacketFramingName): Promise<void> {
  const listener = to.server({}).listen({ host: '127.0.0.1', port: 0, packets: { framing } })
  t.after(async () => {
    const closed = once(listener, 'close')
    listener.close()
    listener.closeAllConnections()
    await closed
  })
  await once(listener, 'listening')
  const { port } = listener.address() as { readonly port: number }
  await exchangePackets(listener, { connectTo: (args) => from.client(args), port, framing })
}

for (const [name, [program, skip]] of Object.entries(PROGRAMS))
  describe(`packets through the adapter over ${name}`, { skip, timeout: 60_000 }, () => {
    for (const framing of ['length-prefix', 'stun'] as const) {
      test(`travel from its client to its server by ${framing}`, async (t) => {
        await carry(t, await hosted(t, program), await hosted(t, program), framing)
      })

      test(`travel to and from the API by ${framing}`, async (t) => {
        await carry(t, await hosted(t, program), obfs4, framing)
        await carry(t, obfs4, await hosted(t, program), framing)
      })
    }
  })
