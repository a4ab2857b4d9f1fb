import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import { closedPort } from '../../support/closed-port.ts'
import type { ManagedProcess } from '../../support/managed-process.ts'
import { poll } from '../../support/poll.ts'
import { type CommandResult, runCommand } from '../../support/run-command.ts'
import {
  isPluginAlive,
  pluginOf,
  pluginOptionsOf,
  skipWithoutShadowsocks,
  startShadowsocksClient,
  startShadowsocksServer,
} from '../../support/shadowsocks.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const LIMIT_MS = 15_000
const FILE = randomBytes(16 * 1024 * 1024)
const HASH = hashOf(FILE)

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A web server that gives the file, tells the hash of what it is sent, and says `ready` to anything else. */
async function startSite(test: TestContext): Promise<number> {
  const site = createServer((request, response) => {
    if (request.method === 'PUT') {
      const hash = createHash('sha256')
      request.on('data', (bytes: Buffer) => hash.update(bytes)).on('end', () => response.end(hash.digest('hex')))
    } else response.end(request.url === '/file' ? FILE : 'ready')
  })
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  test.after(() => {
    site.close()
    site.closeAllConnections()
  })
  return (site.address() as AddressInfo).port
}

function curl(test: TestContext, socksPort: number, args: readonly string[], input?: Buffer): Promise<CommandResult> {
  const basics = ['--silent', '--show-error', '--noproxy', '', '--max-time', '30', '--socks5', `127.0.0.1:${socksPort}`]
  return runCommand(test, 'curl', [...basics, ...args], input)
}

/** Starts ss-server and its plugin; returns what a client needs. */
async function startServer(
  test: TestContext,
  hosts: readonly string[] = ['127.0.0.1'],
  transport = 'transport=obfs4;iat-mode=0',
) {
  const state = await temporaryDirectory(test)
  const server = { hosts, port: await closedPort() }
  const child = startShadowsocksServer(test, server, `server;state=${state};${transport}`)
  return { child, server, state, options: await pluginOptionsOf(child) }
}

/** Starts ss-local and its plugin, and waits until they carry a page. */
async function startClient(
  test: TestContext,
  server: { readonly hosts: readonly string[]; readonly port: number },
  options: string,
  sitePort: number,
): Promise<{ readonly child: ManagedProcess; readonly socksPort: number }> {
  const socksPort = await closedPort()
  const child = startShadowsocksClient(test, server, socksPort, options)
  await poll('a page through ss-local and ss-server', LIMIT_MS, async () => {
    const { stdout } = await curl(test, socksPort, [`http://127.0.0.1:${sitePort}/`])
    return stdout.toString() === 'ready' || undefined
  })
  return { child, socksPort }
}

/** What a plugin wrote among the lines of its host. */
function linesOf(host: ManagedProcess): readonly string[] {
  return host.errorOutput.split('\n').filter((line) => line.startsWith('ptkit'))
}

async function endOf(id: number): Promise<void> {
  await poll(`the end of the plugin ${id}`, LIMIT_MS, async () => !isPluginAlive(id) || undefined)
}

describe('ptkit as a plugin of ss-local and ss-server', { skip: skipWithoutShadowsocks }, () => {
  test('carries 16 MiB each way, by the options that the server told', async (t) => {
    const sitePort = await startSite(t)
    const { child, server, options } = await startServer(t)
    const client = await startClient(t, server, options, sitePort)
    const [got, put] = await Promise.all([
      curl(t, client.socksPort, [`http://127.0.0.1:${sitePort}/file`]),
      curl(t, client.socksPort, ['--upload-file', '-', `http://127.0.0.1:${sitePort}/`], FILE),
    ])
    assert.deepEqual([got.code, got.stderr, hashOf(got.stdout)], [0, '', HASH])
    assert.deepEqual([put.code, put.stderr, put.stdout.toString()], [0, '', HASH])
    assert.deepEqual(linesOf(child), [`ptkit: plugin options of clients: ${options}`])
    assert.deepEqual(linesOf(client.child), [])
  })

  for (const [name, options] of [
    ['shadowsocks', String.raw`method=chacha20-ietf-poly1305;password=a\=b\;c\\d`],
    ['scramblesuit', ''],
    ['webtunnel', 'url=http://nowhere.invalid/secret'],
  ] as const)
    test(`carries a page through ${name}, by the options that the server told`, async (t) => {
      const sitePort = await startSite(t)
      const { child, server, options: told } = await startServer(t, undefined, `transport=${name};${options}`)
      const client = await startClient(t, server, told, sitePort)
      assert.ok(told.startsWith(`transport=${name};`))
      assert.deepEqual(linesOf(child), [`ptkit: plugin options of clients: ${told}`])
      assert.deepEqual(linesOf(client.child), [])
    })

  test('tells the cert that is in the state directory', async (t) => {
    const { state, options } = await startServer(t)
    const cert = /cert=(?<cert>\S+)/.exec(await readFile(join(state, 'obfs4_bridgeline.txt'), 'utf8'))?.groups?.['cert']
    assert.equal(options, `transport=obfs4;cert=${cert};iat-mode=0`)
  })

  test('goes to the address that answers, of several on either side', async (t) => {
    const sitePort = await startSite(t)
    const { server, options } = await startServer(t, ['127.0.0.2', '127.0.0.3'])
    for (const host of server.hosts) {
      const hosts = ['127.0.0.4', host]
      const { child } = await startClient(t, { ...server, hosts }, options, sitePort)
      await child.kill('SIGTERM')
    }
  })

  test('carries nothing to a server with another cert', async (t) => {
    const sitePort = await startSite(t)
    const [{ server }, { options }] = [await startServer(t), await startServer(t)]
    const socksPort = await closedPort()
    const child = startShadowsocksClient(t, server, socksPort, options)
    await pluginOf(child)
    await poll('ss-local and its plugin', LIMIT_MS, async () => {
      const { stderr, code } = await curl(t, socksPort, ['--max-time', '3', `http://127.0.0.1:${sitePort}/`])
      assert.notEqual(code, 0)
      // Past the plugin there is silence; before it is there, ss-local closes.
      return /timed out/.test(stderr) || undefined
    })
  })

  for (const signal of ['SIGKILL', 'SIGTERM', 'SIGINT'] as const)
    test(`ends with a host that is ended by ${signal}`, async (t) => {
      const sitePort = await startSite(t)
      const { child, server, options } = await startServer(t)
      const client = await startClient(t, server, options, sitePort)
      const hosts = [child, client.child]
      const plugins = await Promise.all(hosts.map(pluginOf))
      assert.ok(plugins.every(isPluginAlive))
      await Promise.all(hosts.map((host) => host.kill(signal)))
      await Promise.all(plugins.map(endOf))
    })

  test('ends its host when it cannot run, with one line that says why', async (t) => {
    const server = { hosts: ['127.0.0.1'], port: await closedPort() }
    const socksPort = await closedPort()
    const cases = [
      [startShadowsocksClient(t, server, socksPort, 'transport=obsf4'), /^ptkit: There is no transport "obsf4".*$/],
      [startShadowsocksServer(t, server, 'server;cert=x'), /^ptkit: Transport obfs4 has no option "cert"$/],
    ] as const
    for (const [host, line] of cases) {
      if (host.child.exitCode === null) await once(host.child, 'close')
      assert.notEqual(host.child.exitCode, 0)
      const own = linesOf(host)
      assert.deepEqual([own.length, line.test(own[0]!)], [1, true], host.errorOutput)
    }
  })
})
