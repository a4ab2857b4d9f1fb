import { PtError } from '../core/errors.ts'
import type { Datagrams, Dialer, TcpAddress } from '../core/platform.ts'
import { decodeConnectResponse, encodeConnectRequest } from '../wire/http-connect.ts'
import type { ProxyScheme, ProxyUri } from '../wire/proxy-uri.ts'
import { SOCKS_REPLY } from '../wire/socks.ts'
import { decodeSocks4Reply, encodeSocks4Request, SOCKS4_GRANTED } from '../wire/socks4.ts'
import {
  decodeCredentialsReply,
  decodeMethodChoice,
  decodeSocks5Reply,
  encodeCredentials,
  encodeMethods,
  encodeSocks5Request,
  METHOD_NONE,
  METHOD_PASSWORD,
} from '../wire/socks5.ts'
import { openTunnel, refusalBy, SOCKS_CODES, type Tunnel, type TunnelParty } from './tunnel.ts'

const PARTY: TunnelParty = (did, cause) =>
  new PtError('PT_PROXY_FAILED', `The upstream proxy ${did}`, cause === undefined ? undefined : { cause })

/** What a proxy's refusal means, as the system's codes. */
const HTTP_CODES: Readonly<Record<number, string>> = {
  401: 'EACCES',
  403: 'EACCES',
  407: 'EACCES',
  502: 'EHOSTUNREACH',
  503: 'EHOSTUNREACH',
  504: 'ETIMEDOUT',
}

/**
 * Makes a dialer whose every stream goes through an upstream proxy. Of `dialer` it asks for the proxy's address and for nothing else, so
 * that names are the proxy's to look up and nothing goes around it. A refusal that says why rejects with the system's code that a direct
 * dial would have had; any other, and what is no answer, with PT_PROXY_FAILED; UNIX socket paths and hosts that the proxy's protocol cannot
 * carry with PT_ADDRESS_INVALID. No time limit but the signal.
 */
export function createProxyDialer(proxy: ProxyUri, dialer: Dialer): Dialer {
  return Object.freeze({
    async dial(address: Parameters<Dialer['dial']>[0], { signal }: { readonly signal: AbortSignal }) {
      signal.throwIfAborted()
      if ('path' in address) throw new PtError('PT_ADDRESS_INVALID', 'No UNIX socket can be reached through a proxy')
      const open = prepareTunnel(proxy, address)
      const stream = await dialer.dial({ host: proxy.host, port: proxy.port }, { signal })
      await openTunnel(stream, open, { party: PARTY, signal })
      return stream
    },
  })
}

async function refuseDatagrams(): Promise<never> {
  throw new PtError('PT_PACKETS_UNSUPPORTED', 'No datagram can go through the upstream proxy')
}

/** What transports have under an upstream proxy, which carries streams alone: every datagram would go around it, so none goes. */
export const PROXIED_DATAGRAMS: Datagrams = Object.freeze({ bind: refuseDatagrams, connect: refuseDatagrams })

function prepareTunnel(proxy: ProxyUri, destination: TcpAddress): Tunnel {
  try {
    return TUNNELS[proxy.scheme](destination, proxy.credentials)
  } catch (error) {
    throw new PtError('PT_ADDRESS_INVALID', 'The host is none that the upstream proxy can be asked for', {
      cause: error,
    })
  }
}

/** By scheme: encodes the request, which throws RangeError for what the protocol cannot carry, and returns the exchange. */
const TUNNELS: Record<ProxyScheme, (destination: TcpAddress, credentials: ProxyUri['credentials']) => Tunnel> = {
  http(destination, credentials) {
    const request = encodeConnectRequest(destination, credentials)
    return async (stream, reader) => {
      stream.write(request)
      const status = await reader.message(decodeConnectResponse)
      if (status < 200 || status > 299) throw refusal(HTTP_CODES[status], `status ${status}`)
    }
  },
  socks4a(destination, credentials) {
    const request = encodeSocks4Request(destination, credentials?.username ?? Buffer.alloc(0))
    return async (stream, reader) => {
      stream.write(request)
      const code = await reader.message(decodeSocks4Reply)
      if (code !== SOCKS4_GRANTED) throw refusal(undefined, `reply ${code}`)
    }
  },
  socks5(destination, credentials) {
    const request = encodeSocks5Request(destination)
    const methods = credentials === undefined ? [METHOD_NONE] : [METHOD_PASSWORD, METHOD_NONE]
    return async (stream, reader) => {
      stream.write(encodeMethods(methods))
      const method = await reader.message(decodeMethodChoice)
      if (!methods.includes(method)) throw refusal('EACCES', 'no method that it may use')
      if (method === METHOD_PASSWORD && credentials !== undefined) {
        stream.write(encodeCredentials(credentials))
        if (!(await reader.message(decodeCredentialsReply))) throw refusal('EACCES', 'the credentials are not good')
      }
      stream.write(request)
      const reply = await reader.message(decodeSocks5Reply)
      if (reply !== SOCKS_REPLY.succeeded) throw refusal(SOCKS_CODES[reply], `reply ${reply}`)
    }
  },
}

function refusal(code: string | undefined, what: string): Error {
  return refusalBy(PARTY, code, what)
}
