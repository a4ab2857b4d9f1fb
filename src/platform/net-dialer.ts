import { type LookupFunction, type NetConnectOpts, type Socket, connect } from 'node:net'
import type { Address, ByteStream, Dialer } from '../core/platform.ts'

export interface NetDialerSettings {
  /** Resolves names, as dns.lookup does, which is the default. */
  readonly lookup?: LookupFunction
  /** The local IP address that TCP connections come from. */
  readonly localAddress?: string
}

/** Makes a dialer over node:net: TCP, with happy eyeballs where a name has several addresses, and UNIX socket paths. */
export function createNetDialer(settings: NetDialerSettings = {}): Dialer {
  const frozen = Object.freeze({ ...settings })
  return Object.freeze({
    dial: async (address: Address, { signal }: { readonly signal: AbortSignal }): Promise<ByteStream> => {
      signal.throwIfAborted()
      return dialSocket(connectOptions(address, frozen), signal)
    },
  })
}

function connectOptions(address: Address, settings: NetDialerSettings): NetConnectOpts {
  if ('path' in address) return { path: address.path, allowHalfOpen: true }
  return { host: address.host, port: address.port, allowHalfOpen: true, ...settings }
}

function dialSocket(options: NetConnectOpts, signal: AbortSignal): Promise<Socket> {
  const socket = connect(options)
  // Before it is connected, so that not one byte is read before the owner asks.
  socket.pause()
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      signal.removeEventListener('abort', onAbort)
      socket.off('connect', onConnect).off('error', onError)
    }
    const onConnect = (): void => {
      settle()
      resolve(socket)
    }
    const onError = (error: Error): void => {
      settle()
      reject(error)
    }
    const onAbort = (): void => {
      settle()
      socket.destroy()
      reject(signal.reason as Error)
    }
    signal.addEventListener('abort', onAbort)
    socket.on('connect', onConnect).on('error', onError)
  })
}
