import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { hasCommand } from '../../support/commands.ts'
import { runCommand } from '../../support/run-command.ts'
import { startSocksFront } from '../../support/socks-front.ts'

const skip = hasCommand('curl') || process.env['PT_REQUIRE_PEERS'] === '1' ? false : 'curl is not installed'
const BASICS = ['-sS', '--noproxy', '', '--max-time', '20']
const PAGE = randomBytes(3_000_000)

async function startSite(test: TestContext): Promise<number> {
  const site = createServer((_request, response) => response.end(PAGE))
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  test.after(() => {
    site.closeAllConnections()
    site.close()
  })
  return (site.address() as AddressInfo).port
}

const WAYS = [
  { name: '--socks4', args: (proxy: string) => ['--socks4', proxy], host: '127.0.0.1' },
  { name: '--socks4a', args: (proxy: string) => ['--socks4a', proxy], host: 'bridge.example' },
  { name: '--socks5', args: (proxy: string) => ['--socks5', proxy], host: '127.0.0.1' },
  { name: '--socks5-hostname', args: (proxy: string) => ['--socks5-hostname', proxy], host: 'bridge.example' },
]

for (const { name, args, host } of WAYS) {
  test(`curl ${name} gets a page`, { skip }, async (context) => {
    const site = await startSite(context)
    const front = await startSocksFront(context)
    const url = `http://${host}:${site}/`
    const { code, stdout, stderr } = await runCommand(context, 'curl', [
      ...BASICS,
      ...args(`127.0.0.1:${front.port}`),
      url,
    ])
    assert.equal(code, 0, stderr)
    assert.ok(stdout.equals(PAGE))
    assert.deepEqual(front.requests[0]?.destination, { host, port: site })
  })
}

test('curl gives per-connection arguments as user name and password, and as USERID', { skip }, async (context) => {
  const site = await startSite(context)
  const front = await startSocksFront(context)
  const cert = 'c'.repeat(245)
  const proxies = [
    ['--socks5', '--proxy-user', `cert=${cert};:iat-mode=1`],
    ['--socks4', '--proxy-user', 'cert=abc;iat-mode=2:'],
  ]
  for (const [kind, ...rest] of proxies) {
    const proxy = [kind!, `127.0.0.1:${front.port}`, ...rest]
    const args = [...BASICS, ...proxy, `http://127.0.0.1:${site}/`]
    const { code, stderr } = await runCommand(context, 'curl', args)
    assert.equal(code, 0, stderr)
  }
  assert.deepEqual(
    front.requests.map((request) => Object.entries(request.arguments)),
    [Object.entries({ cert, 'iat-mode': '1' }), Object.entries({ cert: 'abc', 'iat-mode': '2' })],
  )
})

test(
  'curl is told by the reply that the destination refused, and that arguments do not parse',
  { skip },
  async (context) => {
    const front = await startSocksFront(context)
    const proxy = [...BASICS, '--socks5', `127.0.0.1:${front.port}`]
    const refused = await runCommand(context, 'curl', [...proxy, 'http://127.0.0.1:1/'])
    assert.equal(refused.code, 97)
    assert.match(refused.stderr, /\(5\)/)
    const unparsed = await runCommand(context, 'curl', [...proxy, '-U', 'alice:secret', 'http://127.0.0.1:1/'])
    assert.equal(unparsed.code, 97)
    assert.match(unparsed.stderr, /rejected/)
  },
)
