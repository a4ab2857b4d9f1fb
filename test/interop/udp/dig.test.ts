import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { ManagedProcess } from '../../support/managed-process.ts'
import { type CommandResult, runCommand } from '../../support/run-command.ts'
import { type UdpPath, assertSources, skipWithout, startUdpPath } from '../../support/udp-path.ts'
import { freePorts, untilBound } from '../../support/udp-sockets.ts'

const skip = skipWithout(['dig', 'dnsmasq'], 'bind9-dnsutils dnsmasq-base')
const TIMEOUT_MS = 60_000
const DIG_COUNT = 16
/** In the foreground, for one name of its own, asking nobody else, logging who asks it to stderr. */
const DNSMASQ_OPTIONS = [
  '--no-daemon --conf-file=/dev/null --pid-file= --user= --group= --no-resolv --no-hosts --local=/example/',
  '--listen-address=127.0.0.1 --bind-interfaces --edns-packet-max=4096 --log-queries=extra --log-facility=-',
].flatMap((line) => line.split(' '))
/** Without a file of its own settings; by UDP alone, once, with nothing but the answer. */
const DIG_OPTIONS = '-r +notcp +ignore +tries=1 +time=10 +short'.split(' ')
/** dig's exit code when no server answered. */
const NO_ANSWER = 9
/** 14 strings of 250 characters: an answer of about 3,600 bytes, in one packet. */
const TEXT = Array.from({ length: 14 }, (_, index) => String.fromCharCode(97 + index).repeat(250))

const hostName = (index: number): string => `host-${index}.example`
const hostAddress = (index: number): string => `198.51.100.${index}`

interface NameServer extends UdpPath {
  /** The ports from which dnsmasq was asked, of its log. */
  readonly askers: () => Set<number>
}

/** Starts dnsmasq with the names of these tests, and the way to it. */
async function startNameServer(context: TestContext): Promise<NameServer> {
  const [port] = (await freePorts(1)) as [number]
  const dnsmasq = new ManagedProcess(context, 'dnsmasq', [
    ...DNSMASQ_OPTIONS,
    `--port=${port}`,
    ...Array.from({ length: DIG_COUNT }, (_, index) => `--host-record=${hostName(index)},${hostAddress(index)}`),
    `--txt-record=large.example,${TEXT.join(',')}`,
  ])
  await untilBound(dnsmasq, port)
  // A line of its log: … 3 127.0.0.1/35607 query[TXT] large.example from 127.0.0.1
  const askers = (): Set<number> =>
    new Set([...dnsmasq.errorOutput.matchAll(/ 127\.0\.0\.1\/(\d+) query\[/g)].map(([, asker]) => Number(asker)))
  return { ...(await startUdpPath(context, 'transparent-UDP', port)), askers }
}

/** Asks from a port given. */
function dig(
  context: TestContext,
  { port, from }: { readonly port: number; readonly from: number },
  ...question: readonly string[]
): Promise<CommandResult> {
  const where = ['-b', `127.0.0.1#${from}`, '@127.0.0.1', '-p', String(port)]
  return runCommand(context, 'dig', [...DIG_OPTIONS, ...where, ...question])
}

test('dig has an answer of 3,600 bytes in one packet', { skip, timeout: TIMEOUT_MS }, async (context) => {
  const path = await startNameServer(context)
  const [from] = (await freePorts(1)) as [number]
  const question = ['+bufsize=4096', 'large.example', 'TXT']
  const { code, stdout } = await dig(context, { port: path.port, from }, ...question)
  assert.equal(code, 0, stdout.toString())
  assert.equal(stdout.toString().trim(), TEXT.map((text) => `"${text}"`).join(' '))
  assert.equal(path.witness.toClient.length, 1)
  assert.ok(path.witness.toClient[0]!.length > TEXT.join('').length)
  await assertSources(path, 1)
  assert.deepEqual(path.askers(), new Set(path.witness.sources.values()))
})

test(
  `${DIG_COUNT} digs at once have each the answer to its own question`,
  { skip, timeout: TIMEOUT_MS },
  async (context) => {
    const path = await startNameServer(context)
    const ports = await freePorts(DIG_COUNT)
    const answers = await Promise.all(
      ports.map((from, index) => dig(context, { port: path.port, from }, hostName(index), 'A')),
    )
    assert.deepEqual(
      answers.map(({ stdout }) => stdout.toString().trim()),
      ports.map((_, index) => hostAddress(index)),
    )
    await assertSources(path, DIG_COUNT)
    assert.deepEqual(path.askers(), new Set(path.witness.sources.values()))
  },
)

test("dig has no answer once ptkit's server is gone", { skip, timeout: TIMEOUT_MS }, async (context) => {
  const path = await startNameServer(context)
  const [before, after] = (await freePorts(2)) as [number, number]
  const { stdout } = await dig(context, { port: path.port, from: before }, hostName(1), 'A')
  assert.equal(stdout.toString().trim(), hostAddress(1))
  await path.server.kill()
  const { code } = await dig(context, { port: path.port, from: after }, '+time=2', hostName(2), 'A')
  assert.equal(code, NO_ANSWER)
  assert.equal(path.witness.toServer.length, 1)
})
