import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { TEST_CERTIFICATE, TEST_KEY } from '../../support/certificate.ts'
import { ManagedProcess } from '../../support/managed-process.ts'
import { poll } from '../../support/poll.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { assertSources, skipWithout, startUdpPath } from '../../support/udp-path.ts'
import { freePorts, untilBound } from '../../support/udp-sockets.ts'

const skip = skipWithout(['openvpn'], 'openvpn')
const TIMEOUT_MS = 60_000
const STATUS_LIMIT_MS = 10_000
const RENEGOTIATION_SECONDS = 4
const OLD_KEYS_SECONDS = 1
/** Without a device, addresses, routes or privileges; it pings every second, and ends when nothing came for 20. */
const OPTIONS = [
  '--dev null --ifconfig-noexec --route-noexec --proto udp4 --data-ciphers AES-256-GCM --ping 1 --ping-exit 20',
  `--reneg-sec ${RENEGOTIATION_SECONDS} --tran-window ${OLD_KEYS_SECONDS} --verb 3 --suppress-timestamps`,
].flatMap((line) => line.split(' '))

interface Peer {
  readonly process: ManagedProcess
  /** Bytes that came in the data channel and were authentic, as it last wrote them down, each second. */
  readonly authenticLength: () => Promise<number>
}

/** Starts one side, with the certificate of tests as its own and its authority's. */
async function startPeer(context: TestContext, args: readonly string[]): Promise<Peer> {
  const directory = await temporaryDirectory(context)
  const [certificate, key, status] = ['certificate', 'key', 'status'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ]
  await writeFile(certificate, TEST_CERTIFICATE)
  await writeFile(key, TEST_KEY, { mode: 0o600 })
  const files = ['--ca', certificate, '--cert', certificate, '--key', key, '--status', status, '1']
  const process = new ManagedProcess(context, 'openvpn', [...OPTIONS, ...files, ...args])
  const authenticLength = async (): Promise<number> => {
    const text = await readFile(status, 'utf8').catch(() => '')
    return Number(/^Auth read bytes,(\d+)$/m.exec(text)?.[1] ?? 0)
  }
  return { process, authenticLength }
}

/** Waits until data came in several seconds, longer than the keys of before are good for. */
async function seesData({ authenticLength }: Peer): Promise<void> {
  let [length, steps] = [await authenticLength(), 0]
  await poll('data in the channel', STATUS_LIMIT_MS, async () => {
    const next = await authenticLength()
    if (next > length) steps++
    length = next
    return steps > OLD_KEYS_SECONDS + 1 || undefined
  })
}

test('OpenVPN has a session whose data goes on after new keys', { skip, timeout: TIMEOUT_MS }, async (context) => {
  const [port] = (await freePorts(1)) as [number]
  const local = ['--local', '127.0.0.1', '--lport', String(port)]
  const server = await startPeer(context, ['--tls-server', '--dh', 'none', ...local])
  await untilBound(server.process, port)
  const path = await startUdpPath(context, 'transparent-UDP', port)
  const remote = ['--remote', '127.0.0.1', String(path.port), '--nobind']
  const client = await startPeer(context, ['--tls-client', ...remote])

  const initiated = '[localhost] Peer Connection Initiated with [AF_INET]127.0.0.1:'
  assert.equal(await client.process.line(initiated), `${initiated}${path.port}`)
  const address = await server.process.line(initiated)
  assert.deepEqual(
    [address],
    Array.from(path.witness.sources.values(), (seen) => `${initiated}${seen}`),
  )
  const peers = [client, server]
  await Promise.all(peers.map(({ process }) => process.line('Initialization Sequence Completed')))
  await Promise.all(peers.map(({ process }) => process.line('TLS: soft reset ')))
  await Promise.all(peers.map(({ process }) => process.line('Control Channel: TLSv1.')))
  await Promise.all(peers.map(seesData))
  await assertSources(path, 1)
})
