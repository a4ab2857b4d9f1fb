import { PtError } from '../core/errors.ts'
import type { ByteStream, Datagrams, Dialer, TcpAddress } from '../core/platform.ts'
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
import { readMessage } from './read-message.ts'

/** What a proxy's refusal means, as the system's codes: callers branch on them as if they had dialled themselves. */
const SOCKS_CODES: Readonly<Record<number, string>> = {
  [SOCKS_REPLY.notAllowed]: 'EACCES',
  [SOCKS_REPLY.networkUnreachable]: 'ENETUNREACH',
  [SOCKS_REPLY.hostUnreachable]: 'EHOSTUNREACH',
  [SOCKS_REPLY.connectionRefused]: 'ECONNREFUSED',
  [SOCKS_REPLY.ttlExpired]: 'ETIMEDOUT',
  [SOCKS_REPLY.addressTypeNotSupported]: 'EAFNOSUPPORT',
}
const HTTP_CODES: Readonly<Record<number, string>> = {
  401: 'EACCES',
  403: 'EACCES',
  407: 'EACCES',
  502: 'EHOSTUNREACH',
  503: 'EHOSTUNREACH',
  504: 'ETIMEDOUT',
}
const UNKNOWN_REFUSAL = 'ECONNABORTED'

/** Asks a proxy for a tunnel: a whole request made before the dial, and the exchange over the stream. */
type Tunnel = (stream: ByteStream) => Promise<void>

/**
 * Makes a dialer whose every stream goes through an upstream proxy. Of `dialer` it asks for the proxy's address and for nothing else, so
 * that names are the proxy's to look up and nothing goes around it. A refusal rejects with the code that a direct dial would have had; UNIX
 * socket paths and hosts that the proxy's protocol cannot carry reject with PT_ADDRESS_INVALID. No time limit but the signal.
 */
export function createProxyDialer(proxy: ProxyUri, dialer: Dialer): Dialer {
  return Object.freeze({
    async dial(address: Parameters<Dialer['dial']>[0], { signal }: { readonly signal: AbortSignal }) {
      signal.throwIfAborted()
      if ('path' in address) throw new PtError('PT_ADDRESS_INVALID', 'No UNIX socket can be reached through a proxy')
      const open = prepareTunnel(proxy, address)
      const stream = await dialer.dial({ host: proxy.host, port: proxy.port }, { signal })
      await openTunnel(stream, open, signal)
      return stream
    },
  })
}

async function refuseDatagrams(): Promise<never> {
  throw new PtError('PT_PACKETS_UNSUPPORTED', 'No datagram can go through the upstream proxy')
}

/** What transports have under an upstream proxy, which carries streams alone: every datagram would go around it, so none goes. */
export const PROXIED_DATAGRAMS: Datagrams = Object.freeze({ bind: refuseDatagrams, connect: refuseDatagrams })

async function openTunnel(stream: ByteStream, open: Tunnel, signal: AbortSignal): Promise<void> {
  const onAbort = (): void => void stream.destroy(signal.reason as Error)
  // Errors reach readMessage too; this one hears what comes between two messages.
  const onError = (): void => undefined
  signal.addEventListener('abort', onAbort)
  stream.on('error', onError)
  try {
    if (signal.aborted) onAbort()
    await open(stream)
    stream.off('error', onError)
  } catch (error) {
    stream.destroy()
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

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
    return async (stream) => {
      stream.write(request)
      const status = await readMessage(stream, decodeConnectResponse)
      if (status < 200 || status > 299) throw refusal(HTTP_CODES[status], `status ${status}`)
    }
  },
  socks4a(destination, credentials) {
    const request = encodeSocks4Request(destination, credentials?.username ?? Buffer.alloc(0))
    return async (stream) => {
      stream.write(request)
      const code = await readMessage(stream, decodeSocks4Reply)
      if (code !== SOCKS4_GRANTED) throw refusal(undefined, `reply ${code}`)
    }
  },
  socks5(destination, credentials) {
    const request = encodeSocks5Request(destination)
    const methods = credentials === undefined ? [METHOD_NONE] : [METHOD_PASSWORD, METHOD_NONE]
    return async (stream) => {
      stream.write(encodeMethods(methods))
      const method = await readMessage(stream, decodeMethodChoice)
      if (!methods.includes(method)) throw refusal('EACCES', 'no method that it may use')
      if (method === METHOD_PASSWORD && credentials !== undefined) {
        stream.write(encodeCredentials(credentials))
        if (!(await readMessage(stream, decodeCredentialsReply)))
          throw refusal('EACCES', 'the credentials are not good')
      }
      stream.write(request)
      const reply = await readMessage(stream, decodeSocks5Reply)
      if (reply !== SOCKS_REPLY.succeeded) throw refusal(SOCKS_CODES[reply], `reply ${reply}`)
    }
  },
}

function refusal(code: string | undefined, what: string): Error {
  return Object.assign(new Error(`the upstream proxy refused: ${what}`), { code: code ?? UNKNOWN_REFUSAL })
}
