import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ManagedProcess } from '../../support/managed-process.ts'
import { runCommand } from '../../support/run-command.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { type UdpPath, assertSources, skipWithout, startUdpPath } from '../../support/udp-path.ts'
import { freePorts, untilBound } from '../../support/udp-sockets.ts'

const skip = skipWithout(['turnserver', 'turnutils_stunclient', 'turnutils_uclient'], 'coturn')
const TIMEOUT_MS = 90_000
/** Clients come in pairs, each of which sends to the other through the server. */
const CLIENT_COUNT = 4
/** Of each client, and one of each pair for an allocation before all others. */
const SOCKET_COUNT = CLIENT_COUNT + CLIENT_COUNT / 2
const MESSAGE_COUNT = 50
/** Not a multiple of 4: on a stream each such message is padded (RFC 8656 §12.5). */
const MESSAGE_LENGTH = 171
const CHANNEL_HEADER_LENGTH = 4
/** No second allocation for RTCP; each to its neighbour; a message every 10 ms. */
const CLIENT_OPTIONS = `-c -y -l ${MESSAGE_LENGTH} -n ${MESSAGE_COUNT} -m ${CLIENT_COUNT} -z 10`.split(' ')

const USER = 'someone'
const PASSWORD = 'secret'
/** Without a file of settings, on loopback alone, without TLS, TCP and its command line. */
const OPTIONS = [
  '-n --listening-ip=127.0.0.1 --relay-ip=127.0.0.1 --allow-loopback-peers --relay-threads=1',
  '--no-cli --no-tls --no-dtls --no-tcp --no-rfc5780 --log-file=stdout --simple-log',
].flatMap((line) => line.split(' '))
/** -D pads the messages of channels in their datagrams too. */
const SESSIONS = [
  { name: 'without authentication', server: ['--no-auth'], client: [] },
  {
    name: 'with long-term credentials and padded datagrams',
    server: ['--lt-cred-mech', '--user', `${USER}:${PASSWORD}`, '--realm', 'realm.example'],
    client: ['-u', USER, '-w', PASSWORD, '-D'],
  },
] as const

/** Starts coturn, and the way to it. */
async function startTurnServer(context: TestContext, authentication: readonly string[]): Promise<UdpPath> {
  const directory = await temporaryDirectory(context)
  const [port] = (await freePorts(1)) as [number]
  const files = [`--pidfile=${join(directory, 'pid')}`, `--userdb=${join(directory, 'database')}`]
  const own = [...OPTIONS, `--listening-port=${port}`, ...files]
  const turnserver = new ManagedProcess(context, 'turnserver', [...own, ...authentication])
  await untilBound(turnserver, port)
  return startUdpPath(context, 'STUN', port)
}

/** Takes the payloads out of the ChannelData messages among packets, each of which must be one message without padding. */
function channelPayloads(packets: readonly Buffer[]): string[] {
  return packets
    .filter((packet) => packet[0]! >> 6 === 1)
    .map((packet) => {
      assert.equal(packet.length, CHANNEL_HEADER_LENGTH + packet.readUInt16BE(2))
      return packet.toString('latin1', CHANNEL_HEADER_LENGTH)
    })
}

test("turnutils_stunclient is told the address of ptkit's server", { skip, timeout: TIMEOUT_MS }, async (context) => {
  const path = await startTurnServer(context, ['--no-auth'])
  const address = ['-p', String(path.port), '127.0.0.1']
  const { code, stdout, stderr } = await runCommand(context, 'turnutils_stunclient', address)
  assert.equal(code, 0, stderr)
  const told = [...stdout.toString().matchAll(/UDP reflexive addr: 127\.0\.0\.1:(\d+)/g)].map(([, port]) =>
    Number(port),
  )
  assert.deepEqual(new Set(told), new Set(path.witness.sources.values()))
  await assertSources(path, 1)
})

for (const { name, server, client } of SESSIONS) {
  test(`turnutils_uclient loses nothing in channels ${name}`, { skip, timeout: TIMEOUT_MS }, async (context) => {
    const path = await startTurnServer(context, server)
    const address = ['-p', String(path.port), '127.0.0.1']
    const command = [...CLIENT_OPTIONS, ...client, ...address] as const
    const { code, stdout, stderr } = await runCommand(context, 'turnutils_uclient', command)
    const output = stdout.toString()
    assert.equal(code, 0, `${output}\n${stderr}`)
    const total = CLIENT_COUNT * MESSAGE_COUNT
    assert.match(output, new RegExp(`tot_send_msgs=${total}, tot_recv_msgs=${total}$`, 'm'))
    const length = total * MESSAGE_LENGTH
    assert.match(output, new RegExp(`tot_send_bytes ~ ${length}, tot_recv_bytes ~ ${length}$`, 'm'))
    assert.match(output, /Total lost packets 0 \(0\.000000%\), total send dropped 0 /)

    const [sent, received] = [channelPayloads(path.witness.toServer), channelPayloads(path.witness.toClient)]
    assert.ok(sent.length >= total)
    assert.ok(sent.every((payload) => payload.length === MESSAGE_LENGTH))
    assert.deepEqual(received.toSorted(), sent.toSorted())
    await assertSources(path, SOCKET_COUNT)
  })
}
