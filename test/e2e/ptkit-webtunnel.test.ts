import assert from 'node:assert/strict'
import { test } from 'node:test'
import { webtunnel } from '../../src/transports/webtunnel/index.ts'
import { startApplicationServer } from '../support/application-server.ts'
import { startPtkit, torEnvironment } from '../support/ptkit-process.ts'
import { readExactly } from '../support/read-exactly.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

test('the SMETHOD line names the made-up address, an event the bound one, where clients get through', async (t) => {
  const { port: applicationPort, arrivals } = await startApplicationServer(t)
  const environment = {
    ...torEnvironment(await temporaryDirectory(t)),
    TOR_PT_SERVER_TRANSPORTS: 'webtunnel',
    TOR_PT_SERVER_BINDADDR: 'webtunnel-127.0.0.1:0',
    TOR_PT_SERVER_TRANSPORT_OPTIONS: 'webtunnel:url=https://bridge.example/secret',
    TOR_PT_ORPORT: `127.0.0.1:${applicationPort}`,
  }
  const server = startPtkit(t, environment, ['-ipcLogLevel', 'INFO'])
  const bound = await server.line('LOG SEVERITY=info MESSAGE="dispatcher:bound')
  const method = await server.line('SMETHOD webtunnel ')
  assert.match(method, /^SMETHOD webtunnel \[2001:db8:[\da-f:]+\]:443 ARGS:url=https:\/\/bridge\.example\/secret,ver=/)
  const [, address] = /address=(127\.0\.0\.1:\d+)/.exec(bound) ?? []
  const connection = webtunnel.client({ url: 'http://bridge.example/secret', addr: address }).connect({ port: 1 })
  t.after(() => connection.destroy())
  connection.write('payload')
  assert.equal((await readExactly(await arrivals.next(), 7)).toString(), 'payload')
})

test('a server without url is an SMETHOD-ERROR', async (t) => {
  const environment = {
    ...torEnvironment(await temporaryDirectory(t)),
    TOR_PT_SERVER_TRANSPORTS: 'webtunnel',
    TOR_PT_SERVER_BINDADDR: 'webtunnel-127.0.0.1:0',
    TOR_PT_ORPORT: '127.0.0.1:1',
  }
  await assert.rejects(startPtkit(t, environment).line('SMETHOD webtunnel '), /SMETHOD-ERROR webtunnel .*url/)
})
