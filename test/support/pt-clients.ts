import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { startObfs4proxyServer } from './obfs4proxy.ts'
import { portOf } from './method-lines.ts'
import { startPtkit, startPtkitServer, torEnvironment } from './ptkit-process.ts'
import { temporaryDirectory } from './temporary-directory.ts'

/** What the site answers to every question. */
export const PAGE = randomBytes(1_000_000)

export interface PtServer {
  readonly port: number
  readonly clientArguments: Readonly<Record<string, string>>
}

/** Starts a web site on loopback that ends with the test, and returns its port. */
export async function startSite(test: TestContext): Promise<number> {
  const site = createServer((_request, response) => response.end(PAGE))
  site.listen(0, '127.0.0.1')
  await once(site, 'listening')
  test.after(() => {
    site.closeAllConnections()
    site.close()
  })
  return (site.address() as AddressInfo).port
}

/** The obfs4 servers that may stand before an application on loopback, by name. */
export const servers = [
  {
    name: 'ptkit',
    start: async (test: TestContext, applicationPort: number): Promise<PtServer> =>
      startPtkitServer(test, await temporaryDirectory(test), { TOR_PT_ORPORT: `127.0.0.1:${applicationPort}` }),
  },
  {
    name: 'obfs4proxy',
    start: async (test: TestContext, applicationPort: number): Promise<PtServer> =>
      startObfs4proxyServer(test, { stateDir: await temporaryDirectory(test), applicationPort }),
  },
] as const

/** Starts ptkit's obfs4 client with arguments for every connection, and returns the port of its SOCKS listener. */
export async function startClient(test: TestContext, args: Readonly<Record<string, string>> = {}): Promise<number> {
  const options = Object.keys(args).length === 0 ? [] : ['-options', JSON.stringify({ obfs4: args })]
  const environment = { ...torEnvironment(await temporaryDirectory(test)), TOR_PT_CLIENT_TRANSPORTS: 'obfs4' }
  const child = startPtkit(test, environment, options)
  const [, , , address] = (await child.line('CMETHOD obfs4 ')).split(' ')
  await child.line('CMETHODS DONE')
  return portOf(address!)
}
