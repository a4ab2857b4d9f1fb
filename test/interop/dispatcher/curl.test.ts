import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasCommand } from '../../support/commands.ts'
import { skipWithoutObfs4proxy } from '../../support/obfs4proxy.ts'
import { PAGE, servers, startClient, startSite } from '../../support/pt-clients.ts'
import { runCommand } from '../../support/run-command.ts'

const skip =
  hasCommand('curl') || process.env['PT_REQUIRE_PEERS'] === '1'
    ? skipWithoutObfs4proxy
    : 'curl is not installed (apt-get install curl)'
const BASICS = ['--silent', '--show-error', '--noproxy', '', '--max-time', '20']

/** Each way to ask, with the name of the destination. The local ones among the names are resolved by curl, the others by ptkit. */
const WAYS = [
  { flag: '--socks4', host: '127.0.0.1' },
  { flag: '--socks4a', host: 'localhost' },
  { flag: '--socks5', host: '127.0.0.1' },
  { flag: '--socks5-hostname', host: 'localhost' },
] as const

for (const { name, start } of servers) {
  for (const { flag, host } of WAYS) {
    test(`curl ${flag} gets a page through ptkit and the server of ${name}`, { skip }, async (context) => {
      const { port, clientArguments } = await start(context, await startSite(context))
      const socksPort = await startClient(context, clientArguments)
      const args = [...BASICS, flag, `127.0.0.1:${socksPort}`, `http://${host}:${port}/`]
      const { code, stdout, stderr } = await runCommand(context, 'curl', args)
      assert.equal(code, 0, stderr)
      assert.ok(stdout.equals(PAGE), `${stdout.length} bytes came`)
    })
  }

  test(`curl gives PT arguments in its credentials for the server of ${name}`, { skip }, async (context) => {
    const { port, clientArguments } = await start(context, await startSite(context))
    const socksPort = await startClient(context)
    const { cert, 'iat-mode': iatMode } = clientArguments
    // Either half of what ptkit reads as one text; SOCKS4 has the first half only.
    const credentials = [
      ['--socks5', `cert=${cert};:iat-mode=${iatMode}`],
      ['--socks5-hostname', `cert=${cert};iat:-mode=${iatMode}`],
      ['--socks4', `cert=${cert};iat-mode=${iatMode}:`],
    ] as const
    for (const [flag, user] of credentials) {
      const args = [...BASICS, flag, `127.0.0.1:${socksPort}`, '--proxy-user', user, `http://127.0.0.1:${port}/`]
      const { code, stdout, stderr } = await runCommand(context, 'curl', args)
      assert.equal(code, 0, `${flag}: ${stderr}`)
      assert.ok(stdout.equals(PAGE), `${flag}: ${stdout.length} bytes came`)
    }
  })

  test(`curl gets no page with the cert of another bridge than that of ${name}`, { skip }, async (context) => {
    const site = await startSite(context)
    const [{ port }, stranger] = [await start(context, site), await start(context, site)]
    const socksPort = await startClient(context, stranger.clientArguments)
    const args = [...BASICS, '--max-time', '3', '--socks5', `127.0.0.1:${socksPort}`, `http://127.0.0.1:${port}/`]
    const { code, stdout } = await runCommand(context, 'curl', args)
    assert.notEqual(code, 0)
    assert.equal(stdout.length, 0)
  })
}
