import type { TestContext } from 'node:test'
import type { FactorySettings } from '../../src/core/transport.ts'
import { connectOurClient } from './obfs4-pairings.ts'
import { startRecordingRelay } from './recording-relay.ts'

/** Makes a genuine handshake with the bridge at 127.0.0.1:`port` and resolves with the client's hello, which was answered. */
export async function recordHandshake(
  test: TestContext,
  bridge: { readonly port: number; readonly cert: string },
  settings: FactorySettings & { readonly onReply?: () => Promise<void> } = {},
): Promise<Buffer> {
  const { onReply, ...factorySettings } = settings
  const relay = await startRecordingRelay(test, bridge.port, onReply)
  const client = await connectOurClient(test, relay.port, { cert: bridge.cert }, factorySettings)
  client.on('error', () => {})
  client.destroy()
  return relay.recordings[0]!.hello
}
