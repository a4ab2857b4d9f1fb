import type { TestContext } from 'node:test'
import { systemPlatform } from '../../src/platform/index.ts'
import type { SocksRequest } from '../../src/proxy/socks-negotiation.ts'
import { listenSocks } from '../../src/proxy/socks-server.ts'
import { plain } from '../../src/testing/plain.ts'

/** A SOCKS listener on loopback, over the plain transport. */
export interface SocksFront {
  readonly port: number
  /** What clients asked for. */
  readonly requests: SocksRequest[]
}

/** Listens on a free port until the test ends. Every name is loopback's here; no look-up leaves the machine. */
export async function startSocksFront(test: TestContext): Promise<SocksFront> {
  const requests: SocksRequest[] = []
  const factory = plain.client({}, { platform: systemPlatform })
  const server = await listenSocks({
    platform: systemPlatform,
    address: { host: '127.0.0.1', port: 0 },
    connect(request) {
      requests.push(request)
      const { host, port } = request.destination
      const isName = /[a-z]/.test(host)
      return factory.connect({ host: isName ? '127.0.0.1' : host, port, allowHalfOpen: true, noDelay: true })
    },
  })
  test.after(() => server.destroy())
  return { port: (server.address as { port: number }).port, requests }
}
