import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { startApplicationServer } from '../../support/application-server.ts'
import { hasCommand } from '../../support/commands.ts'
import { skipWithoutObfs4proxy } from '../../support/obfs4proxy.ts'
import { servers, startClient } from '../../support/pt-clients.ts'
import { runCommand } from '../../support/run-command.ts'

const skip =
  hasCommand('ncat') || process.env['PT_REQUIRE_PEERS'] === '1'
    ? skipWithoutObfs4proxy
    : 'ncat is not installed (apt-get install ncat)'
const LENGTH = 1_000_000

for (const { name, start } of servers) {
  for (const type of ['socks4', 'socks5']) {
    test(`ncat --proxy-type ${type} has its bytes back from behind ${name}`, { skip }, async (context) => {
      const application = await startApplicationServer(context)
      const { port, clientArguments } = await start(context, application.port)
      const socksPort = await startClient(context, clientArguments)
      const text = randomBytes(LENGTH)
      // obfs4 has no half-close: the one who has everything must be the one to end.
      application.arrivals.forEach((socket) => {
        let echoed = 0
        socket.on('data', (bytes: Buffer) => {
          echoed += bytes.length
          socket.write(bytes)
          if (echoed === LENGTH) socket.end()
        })
      })
      const proxy = ['--proxy', `127.0.0.1:${socksPort}`, '--proxy-type', type, '--no-shutdown']
      const args = [...proxy, '127.0.0.1', String(port)]
      const { code, stdout, stderr } = await runCommand(context, 'ncat', args, text)
      assert.equal(code, 0, stderr)
      assert.ok(stdout.equals(text), `${stdout.length} of ${LENGTH} bytes came back`)
    })
  }
}
