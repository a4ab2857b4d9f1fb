import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { systemPlatform } from '../../../src/platform/index.ts'
import { createProxyDialer } from '../../../src/proxy/upstream-proxy.ts'
import { parseProxyUri } from '../../../src/wire/proxy-uri.ts'
import { startApplicationServer } from '../../support/application-server.ts'
import { hasCommand } from '../../support/commands.ts'
import { exchange } from '../../support/exchange.ts'

const skip = hasCommand('ncat') || process.env['PT_REQUIRE_PEERS'] === '1' ? false : 'ncat is not installed'

/** Starts ncat as an HTTP proxy; resolves with its port once it says that it listens. ncat cannot tell a port that the system chose. */
async function startNcatProxy(context: TestContext, auth: string): Promise<number> {
  const port = await findFreePort()
  const args = ['-v', '-l', '127.0.0.1', String(port), '--proxy-type', 'http', '--proxy-auth', auth]
  const child = spawn('ncat', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  context.after(() => child.kill('SIGKILL'))
  let text = ''
  return new Promise((resolve, reject) => {
    child.once('close', () => reject(new Error(`ncat ended: ${text}`)))
    child.stderr.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      if (/Listening on (?:127\.0\.0\.1|0\.0\.0\.0):/.test(text)) resolve(port)
    })
  })
}

async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function dialThrough(port: number, credentials: string, target: number) {
  const parsed = parseProxyUri(`http://${credentials}@127.0.0.1:${port}`)
  assert.ok('proxy' in parsed)
  const signal = AbortSignal.timeout(20_000)
  return createProxyDialer(parsed.proxy, systemPlatform.dialer).dial({ host: '127.0.0.1', port: target }, { signal })
}

test("goes through ncat's HTTP proxy with credentials", { skip }, async (context) => {
  const application = await startApplicationServer(context)
  const port = await startNcatProxy(context, 'us:p@s:w%rd')
  const stream = await dialThrough(port, 'us:p@s:w%rd', application.port)
  context.after(() => stream.destroy())
  await exchange(stream, await application.arrivals.next(), { toRight: 2_000_000, toLeft: 2_000_000 })
})

test("is refused by ncat's HTTP proxy for wrong credentials", { skip }, async (context) => {
  const port = await startNcatProxy(context, 'us:pw')
  await assert.rejects(dialThrough(port, 'us:no', 9), { code: 'EACCES' })
})
