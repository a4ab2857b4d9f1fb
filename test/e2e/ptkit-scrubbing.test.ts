import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { startApplicationServer } from '../support/application-server.ts'
import { COOKIE_FILE } from '../support/extended-orport-server.ts'
import type { ManagedProcess } from '../support/managed-process.ts'
import { parseServerMethod, portOf } from '../support/method-lines.ts'
import { poll } from '../support/poll.ts'
import { startPtkit, torEnvironment } from '../support/ptkit-process.ts'
import { readExactly } from '../support/read-exactly.ts'
import { SocksRefusal, connectThroughSocks } from '../support/socks-client.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { closedPort } from '../support/closed-port.ts'

const LOUD = ['-ipcLogLevel', 'DEBUG', '-enableLogging', '-logLevel', 'DEBUG']
const LIMIT_MS = 10_000
const PROXY_USER = 'proxy-user-of-mine'
const PROXY_PASSWORD = 'proxy-password-of-mine'
const ARGUMENT_VALUE = 'argument-value-of-mine'
const CREDENTIALS = [PROXY_USER, PROXY_PASSWORD]
const SERVER = { TOR_PT_SERVER_TRANSPORTS: 'obfs4', TOR_PT_SERVER_BINDADDR: 'obfs4-127.0.0.1:0' }
const CLIENT = { TOR_PT_CLIENT_TRANSPORTS: 'obfs4' }

/** A ptkit that logs everything, and all that it says: LOG lines with stderr, and the log file. */
interface Witness {
  readonly process: ManagedProcess
  /** Waits until both the lines and the file have an event so many times. */
  readonly tells: (event: string, count?: number) => Promise<void>
  /** Ends the process; what it wrote, without the lines whose business is an address. */
  readonly testimony: () => Promise<{ readonly lines: string; readonly file: string }>
}

async function startWitness(
  t: TestContext,
  flags: readonly string[],
  environment: NodeJS.ProcessEnv,
): Promise<Witness> {
  const stateDir = await temporaryDirectory(t)
  const process = startPtkit(t, { ...torEnvironment(stateDir), ...environment }, [...LOUD, ...flags])
  let output = ''
  process.child.stdout!.on('data', (text: Buffer) => {
    output += text.toString()
  })
  const readLog = (): Promise<string> => readFile(join(stateDir, 'ptkit.log'), 'utf8')
  const tells = async (event: string, count = 1): Promise<void> => {
    const isTold = (text: string): boolean => text.split(event).length > count
    await poll(`${event} × ${count}`, LIMIT_MS, async () => {
      return (isTold(output) && isTold(await readLog())) || undefined
    })
  }
  const testimony = async () => {
    await process.kill('SIGTERM')
    const lines = output.split('\n').filter((line) => !/^[CS]METHOD obfs4 /.test(line))
    return { lines: lines.join('\n') + process.errorOutput, file: await readLog() }
  }
  return { process, tells, testimony }
}

async function startServer(t: TestContext, flags: readonly string[], environment: NodeJS.ProcessEnv) {
  const witness = await startWitness(t, flags, { ...SERVER, ...environment })
  return { ...witness, ...parseServerMethod(await witness.process.line('SMETHOD obfs4 ')) }
}

async function startClient(t: TestContext, flags: readonly string[], environment: NodeJS.ProcessEnv = {}) {
  const witness = await startWitness(t, flags, { ...CLIENT, ...environment })
  const [, , , address] = (await witness.process.line('CMETHOD obfs4 ')).split(' ')
  return { ...witness, socksPort: portOf(address!) }
}

async function open(t: TestContext, ...target: Parameters<typeof connectThroughSocks>): Promise<Socket> {
  const socket = await connectThroughSocks(...target)
  t.after(() => socket.destroy())
  return socket.on('error', () => {})
}

/** Lets clients and servers of ptkit succeed and fail in every way; returns what was said, and what was to be kept secret. */
async function live(t: TestContext, flags: readonly string[]) {
  const { port: applicationPort, arrivals } = await startApplicationServer(t)
  const [refusedPort, proxyPort, orPort] = [await closedPort(), await closedPort(), await closedPort()]
  const cookieFile = join(await temporaryDirectory(t), 'cookie-of-mine')
  const proxy = `socks5://${PROXY_USER}:${PROXY_PASSWORD}@127.0.0.1:${proxyPort}`
  const [server, orServer, client, proxied] = await Promise.all([
    startServer(t, flags, { TOR_PT_ORPORT: `127.0.0.1:${applicationPort}` }),
    startServer(t, flags, {
      TOR_PT_ORPORT: '127.0.0.1:1',
      TOR_PT_EXTENDED_SERVER_PORT: `127.0.0.1:${orPort}`,
      TOR_PT_AUTH_COOKIE_FILE: cookieFile,
    }),
    startClient(t, flags),
    startClient(t, flags, { TOR_PT_PROXY: proxy }),
  ])

  const socket = await open(t, client.socksPort, server.port, server.clientArguments)
  socket.write('question')
  const application = await arrivals.next()
  assert.equal((await readExactly(application, 8)).toString(), 'question')
  const clientPorts = [socket.localPort!, application.remotePort!]
  application.destroy()
  socket.destroy()
  await server.tells('connection:close')
  await client.tells('connection:close')

  await assert.rejects(connectThroughSocks(client.socksPort, refusedPort, server.clientArguments), SocksRefusal)
  await assert.rejects(connectThroughSocks(client.socksPort, server.port, { cert: ARGUMENT_VALUE }), SocksRefusal)
  await client.tells('socks:refused', 2)
  await assert.rejects(connectThroughSocks(proxied.socksPort, server.port, server.clientArguments), SocksRefusal)
  await proxied.tells('socks:refused')

  await open(t, client.socksPort, orServer.port, orServer.clientArguments)
  await orServer.tells('dispatcher:application-failed')
  await writeFile(cookieFile, COOKIE_FILE)
  await open(t, client.socksPort, orServer.port, orServer.clientArguments)
  await orServer.tells('dispatcher:application-failed', 2)

  const ports = [applicationPort, refusedPort, proxyPort, orPort, server.port, orServer.port, ...clientPorts]
  return {
    said: await Promise.all([server, orServer, client, proxied].map((witness) => witness.testimony())),
    refusedPort,
    cert: server.clientArguments['cert']!,
    secrets: [
      ...[...ports, client.socksPort, proxied.socksPort].map(String),
      '127.0.0.1',
      ...[server, orServer].flatMap(({ clientArguments }) => clientArguments['cert']!),
      ARGUMENT_VALUE,
      cookieFile,
      proxy,
      ...CREDENTIALS,
    ],
  }
}

test('says no address, port, argument, path or credential in any line or log file', { timeout: 60_000 }, async (t) => {
  const { said, secrets } = await live(t, [])
  for (const [index, { lines, file }] of said.entries()) {
    for (const secret of secrets) {
      assert.equal(lines.includes(secret), false, `the lines of process ${index} hold ${secret}:\n${lines}`)
      assert.equal(file.includes(secret), false, `the log file of process ${index} holds ${secret}:\n${file}`)
    }
  }
})

test(
  'says destinations, clients and arguments with -unsafeLogging, yet no credential',
  { timeout: 60_000 },
  async (t) => {
    const { said, refusedPort, cert } = await live(t, ['-unsafeLogging'])
    const [, orServer, client, proxied] = said
    for (const text of [client!.lines, client!.file]) {
      for (const word of ['127.0.0.1', String(refusedPort), cert, ARGUMENT_VALUE])
        assert.ok(text.includes(word), `no ${word} in:\n${text}`)
      assert.ok(text.includes(`connect ECONNREFUSED 127.0.0.1:${refusedPort}`))
    }
    for (const text of [orServer!.lines, orServer!.file]) assert.match(text, /client\W+127\.0\.0\.1\W+clientPort\W+\d/)
    for (const word of CREDENTIALS) assert.equal((proxied!.lines + proxied!.file).includes(word), false)
  },
)
