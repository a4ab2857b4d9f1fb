import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { obfs4 } from '../../src/transports/obfs4/index.ts'
import { startApplicationServer } from '../support/application-server.ts'
import { COOKIE_FILE, OKAY, acceptClient } from '../support/extended-orport-server.ts'
import { startPtkitServer } from '../support/ptkit-process.ts'
import { readExactly } from '../support/read-exactly.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

test('reads the cookie anew for each client, and lives while it cannot', { timeout: 30_000 }, async (t) => {
  const stateDir = await temporaryDirectory(t)
  const cookieFile = join(stateDir, 'cookie')
  const { port: orPort, arrivals } = await startApplicationServer(t)
  const { process, port, clientArguments } = await startPtkitServer(
    t,
    stateDir,
    {
      TOR_PT_ORPORT: '127.0.0.1:1',
      TOR_PT_EXTENDED_SERVER_PORT: `127.0.0.1:${orPort}`,
      TOR_PT_AUTH_COOKIE_FILE: cookieFile,
    },
    ['-ipcLogLevel', 'WARN'],
  )
  const factory = obfs4.client({ cert: clientArguments['cert']! })
  const connect = () => {
    const connection = factory.connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    t.after(() => connection.destroy())
    return connection
  }

  const lost = connect()
  lost.resume()
  await once(lost, 'end')
  const line = await process.line('LOG SEVERITY=warning MESSAGE="dispatcher:application-failed')
  assert.match(line, /The cookie file of the Extended ORPort cannot be read\\" cause=ENOENT"$/)

  await writeFile(cookieFile, COOKIE_FILE)
  const client = connect()
  client.write('payload')
  const tor = await arrivals.next()
  const description = await acceptClient(tor)
  assert.deepEqual(
    [...description],
    [
      [1, `127.0.0.1:${client.localPort}`],
      [2, 'obfs4'],
    ],
  )
  tor.write(OKAY)
  assert.equal((await readExactly(tor, 7)).toString(), 'payload')
})
