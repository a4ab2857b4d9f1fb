import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { startApplicationServer } from '../../support/application-server.ts'
import { hasCommand } from '../../support/commands.ts'
import { runCommand } from '../../support/run-command.ts'
import { startSocksFront } from '../../support/socks-front.ts'

const skip = hasCommand('ncat') || process.env['PT_REQUIRE_PEERS'] === '1' ? false : 'ncat is not installed'

for (const [type, auth] of [
  ['socks4', undefined],
  ['socks5', undefined],
  ['socks5', 'k=v:x'],
] as const) {
  test(
    `ncat --proxy-type ${type}${auth === undefined ? '' : ' with arguments'} sends to its end and reads the answer`,
    {
      skip,
    },
    async (context) => {
      const application = await startApplicationServer(context)
      application.arrivals.forEach((socket) => socket.pipe(socket))
      const front = await startSocksFront(context)
      const text = randomBytes(1_000_000)
      const proxy = ['--proxy', `127.0.0.1:${front.port}`, '--proxy-type', type]
      if (auth !== undefined) proxy.push('--proxy-auth', auth)
      const args = [...proxy, '127.0.0.1', String(application.port)]
      const { code, stdout, stderr } = await runCommand(context, 'ncat', args, text)
      assert.equal(code, 0, stderr)
      assert.ok(stdout.equals(text), `${stdout.length} of ${text.length} bytes came back`)
      assert.deepEqual({ ...front.requests[0]?.arguments }, auth === undefined ? {} : { k: 'vx' })
    },
  )
}
