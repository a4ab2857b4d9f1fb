import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { webtunnel } from '../../../src/transports/webtunnel/index.ts'
import { startApplicationServer } from '../../support/application-server.ts'
import { closedPort } from '../../support/closed-port.ts'
import { exchange } from '../../support/exchange.ts'
import { skipWithoutNamespaces } from '../../support/isolated-network.ts'
import { ManagedProcess } from '../../support/managed-process.ts'
import { type MadeCertificate, makeCertificate, skipWithoutNginx } from '../../support/nginx.ts'
import { startPtkitServer } from '../../support/ptkit-process.ts'
import { runCommand } from '../../support/run-command.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { findReference, pathOf, skipWithout } from '../../support/webtunnel-reference.ts'

const MIB = 1024 * 1024
const INNER = fileURLToPath(new URL('../../support/webtunnel-namespace-process.ts', import.meta.url))
const ENTER = `set -e
ip link set lo up
ip address add 198.51.100.1/32 dev lo
mount --bind "$1" /etc/hosts
shift
exec "$@"`

const client = findReference('webtunnel-client')
const server = findReference('webtunnel-server')
const lyrebird = findReference('lyrebird')

async function runInside(t: TestContext, program: string, made?: MadeCertificate): Promise<void> {
  const directory = await temporaryDirectory(t)
  const hosts = join(directory, 'hosts')
  await writeFile(hosts, '127.0.0.1 localhost\n198.51.100.1 bridge.example\n')
  const inner = [process.execPath, '--import', 'tsx', INNER, program, directory]
  const tls = made === undefined ? [] : [made.certificatePath, made.keyPath]
  const result = await runCommand(t, 'unshare', ['-nm', 'sh', '-c', ENTER, 'sh', hosts, ...inner, ...tls])
  assert.equal(result.stdout.toString(), 'done\n', result.stderr)
}

for (const [name, found, takesPin] of [
  ['the reference client', client, true],
  ["lyrebird's client", lyrebird, false],
] as const) {
  describe(name, { skip: skipWithout(found) || skipWithoutNamespaces || skipWithoutNginx }, () => {
    test('carries data to our server, which speaks first', { timeout: 60_000 }, (t) => runInside(t, pathOf(found)))

    if (takesPin) {
      test('takes the pin of a certificate as we compute it', { timeout: 60_000 }, async (t) =>
        runInside(t, pathOf(found), makeCertificate(await temporaryDirectory(t))),
      )
    }
  })
}

describe('the reference server', { skip: skipWithout(server) }, () => {
  test('carries 4 MiB each way from our client, and names the address that we name', { timeout: 60_000 }, async (t) => {
    const { port: applicationPort, arrivals } = await startApplicationServer(t)
    const port = await closedPort()
    const url = `http://bridge.example:${port}/secret`
    const environment = {
      TOR_PT_MANAGED_TRANSPORT_VER: '1',
      TOR_PT_STATE_LOCATION: await temporaryDirectory(t),
      TOR_PT_SERVER_TRANSPORTS: 'webtunnel',
      TOR_PT_SERVER_TRANSPORT_OPTIONS: `webtunnel:url=${url}`,
      TOR_PT_ORPORT: `127.0.0.1:${applicationPort}`,
    }
    const reference = new ManagedProcess(t, pathOf(server), [], {
      ...environment,
      TOR_PT_SERVER_BINDADDR: `webtunnel-127.0.0.1:${port}`,
    })
    const line = await reference.line('SMETHOD webtunnel ')
    const ours = await startPtkitServer(t, environment.TOR_PT_STATE_LOCATION, {
      ...environment,
      TOR_PT_SERVER_BINDADDR: 'webtunnel-127.0.0.1:0',
    })
    assert.equal(ours.port, 443)
    assert.equal(ours.methodLine.split(' ')[2], line.split(' ')[2])
    const factory = webtunnel.client({ url, addr: `127.0.0.1:${port}` })
    for (let count = 0; count < 3; count++) {
      const near = factory.connect({ port: 1, allowHalfOpen: true })
      t.after(() => near.destroy())
      near.write('')
      const far = await arrivals.next()
      await exchange(near, far, { toRight: 4 * MIB, toLeft: 4 * MIB })
      near.destroy()
      far.destroy()
    }
  })
})
