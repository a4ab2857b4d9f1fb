import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { ManagedProcess } from '../../support/managed-process.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { assertSources, skipWithout, startUdpPath } from '../../support/udp-path.ts'
import { freePorts, untilBound } from '../../support/udp-sockets.ts'

const skip = skipWithout(['sipp'], 'sip-tester')
const TIMEOUT_MS = 60_000
const CALL_COUNT = 20
/** How long a call is held, so that all of them are at once. */
const CALL_MS = 1_000
/** All calls, on loopback alone, with a time limit for each message and, as a failure, for all. */
const OPTIONS = [
  `-m ${CALL_COUNT} -i 127.0.0.1 -mi 127.0.0.1 -ci 127.0.0.1 -nostdin`,
  '-trace_stat -recv_timeout 10000 -timeout 40s -timeout_error',
].flatMap((line) => line.split(' '))
/** All calls begin within 200 ms. */
const CALLER_OPTIONS = `-d ${CALL_MS} -r ${CALL_COUNT} -rp 200`.split(' ')

interface Agent {
  readonly process: ManagedProcess
  readonly ended: Promise<void>
  /** The last row of its statistics, by column. */
  readonly statistics: () => Promise<Readonly<Record<string, string>>>
}

/** Starts sipp with one of its built-in scenarios and a number of calls; every port that it binds is one given. */
async function startAgent(context: TestContext, scenario: 'uas' | 'uac', args: readonly string[]): Promise<Agent> {
  const statistics = join(await temporaryDirectory(context), 'statistics.csv')
  // -cp is its remote control, -mp for media, of which it takes the port after the next too.
  const [control, media] = (await freePorts(2)) as [number, number]
  const ports = ['-cp', String(control), '-mp', String(media)]
  const own = [...OPTIONS, ...ports, '-stf', statistics]
  const process = new ManagedProcess(context, 'sipp', ['-sn', scenario, ...own, ...args])
  const ended = new Promise<void>((resolve) => {
    process.child.once('close', () => resolve())
  })
  return {
    process,
    ended,
    statistics: async () => {
      const rows = (await readFile(statistics, 'utf8')).trim().split('\n')
      const values = rows.at(-1)!.split(';')
      return Object.fromEntries(rows[0]!.split(';').map((name, index) => [name, values[index] ?? '']))
    },
  }
}

/** Counts the calls of which requests of a method came. */
function callCount(packets: readonly Buffer[], method: string): number {
  const requests = packets.map(String).filter((text) => text.startsWith(`${method} sip:`))
  return new Set(requests.map((text) => /^Call-ID: (.*)$/m.exec(text)![1])).size
}

for (const { from, transport, sourceCount } of [
  { from: 'one port', transport: ['-t', 'u1'], sourceCount: 1 },
  { from: 'a port of its own each', transport: ['-t', 'un', '-max_socket', '100'], sourceCount: CALL_COUNT },
]) {
  test(`sipp makes ${CALL_COUNT} calls at once from ${from}`, { skip, timeout: TIMEOUT_MS }, async (context) => {
    const [port] = (await freePorts(1)) as [number]
    const server = await startAgent(context, 'uas', ['-p', String(port)])
    await untilBound(server.process, port)
    const path = await startUdpPath(context, 'transparent-UDP', port)
    const client = await startAgent(context, 'uac', [`127.0.0.1:${path.port}`, ...transport, ...CALLER_OPTIONS])
    await Promise.all([client.ended, server.ended])
    for (const agent of [client, server]) {
      const { process } = agent
      assert.equal(process.child.exitCode, 0, process.errorOutput)
      const statistics = await agent.statistics()
      assert.equal(statistics['SuccessfulCall(C)'], String(CALL_COUNT))
      assert.equal(statistics['FailedCall(C)'], '0')
    }
    for (const method of ['INVITE', 'ACK', 'BYE']) {
      assert.equal(callCount(path.witness.toServer, method), CALL_COUNT, method)
    }
    await assertSources(path, sourceCount)
  })
}
