import { type X509Certificate, createHash, timingSafeEqual } from 'node:crypto'
import { Socket, isIP } from 'node:net'
import { type ConnectionOptions, type TLSSocket, connect } from 'node:tls'
import { PtError } from '../core/errors.ts'
import type { ByteStream, Tls, TlsClientSettings } from '../core/platform.ts'

/** Certificates of a chain that are hashed; a longer chain matches no pin. */
const MAX_CHAIN_COUNT = 16

/** TLS by node:tls, over any stream. The ClientHello is Node's: whoever knows its fingerprint can tell it from a browser's. */
export const nodeTls: Tls = Object.freeze({
  connect: (stream: ByteStream, settings: TlsClientSettings): Promise<ByteStream> => {
    const { pin, signal } = settings
    if (signal.aborted) {
      stream.on('error', () => {})
      stream.destroy()
      return Promise.reject(signal.reason as Error)
    }
    const socket = connect({ ...optionsOf(settings), socket: stream })
    faceOf(socket, stream)
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        isSettled = true
        signal.removeEventListener('abort', onAbort)
        stream.off('end', onEnd)
        socket.off('secureConnect', onSecure).off('error', onError)
      }
      const fail = (error: unknown): void => {
        settle()
        socket.on('error', () => {})
        socket.destroy()
        stream.destroy()
        reject(error)
      }
      const onSecure = (): void => {
        if (pin !== undefined && !isPinned(socket.getPeerX509Certificate(), pin))
          return fail(new PtError('PT_PIN_MISMATCH', 'The certificate chain of the server is not the pinned one'))
        settle()
        resolve(socket)
      }
      const onError = (error: Error): void => fail(error)
      const onAbort = (): void => fail(signal.reason)
      const ended = (): void =>
        fail(new PtError('PT_TRUNCATED', 'The peer ended the stream within the handshake of TLS'))
      // Over what is no socket, node:tls may wait for ever; what came with the end is still to be read.
      const onEnd = (): void => void setImmediate(() => isSettled || ended())
      let isSettled = false
      signal.addEventListener('abort', onAbort)
      stream.once('end', onEnd)
      socket.on('secureConnect', onSecure).on('error', onError)
    })
  },
})

function optionsOf({ servername, alpn, pin, ca }: TlsClientSettings): ConnectionOptions {
  return {
    // Node checks the certificate against the server name, or else the host. A server name is never an IP address (RFC 6066 §3).
    host: servername,
    ...(isIP(servername) === 0 && { servername }),
    ...(alpn !== undefined && { ALPNProtocols: [...alpn] }),
    // An empty store, so that no root of it can become a part of the chain.
    ...(pin === undefined ? ca !== undefined && { ca } : { ca: [] }),
    // Said also where it is true: Node would ask the environment.
    rejectUnauthorized: pin === undefined,
  }
}

/** Compares the hash of the chain as it was sent. To be called once per socket: Node takes the chain apart. */
function isPinned(leaf: X509Certificate | undefined, pin: Uint8Array): boolean {
  let hash: Buffer | undefined
  let certificate = leaf
  for (let count = 0; certificate !== undefined; count++) {
    if (count >= MAX_CHAIN_COUNT) return false
    const digest = createHash('sha256').update(certificate.raw).digest()
    hash = hash === undefined ? digest : createHash('sha256').update(hash).update(digest).digest()
    certificate = certificate.issuerCertificate
  }
  return hash?.length === pin.length && timingSafeEqual(hash, pin)
}

/** Lends a TLS socket the members of the stream underneath where its own do not work: over what is no socket, and a reset anywhere. */
export function faceOf(socket: TLSSocket, stream: ByteStream): void {
  stream.on('error', (error) => socket.destroy(error))
  const resetAndDestroy = (): TLSSocket => {
    stream.resetAndDestroy?.()
    return socket.destroy()
  }
  Object.defineProperty(socket, 'resetAndDestroy', { value: resetAndDestroy })
  // Also over a socket, since what a proxy told of the client may stand on it.
  const names = ['localAddress', 'localPort', 'localFamily', 'remoteAddress', 'remotePort', 'remoteFamily'] as const
  for (const name of names) Object.defineProperty(socket, name, { get: () => stream[name] })
  if (stream instanceof Socket) return
  Object.defineProperties(socket, {
    ref: { value: () => stream.ref?.() },
    unref: { value: () => stream.unref?.() },
    setNoDelay: { value: (noDelay?: boolean) => stream.setNoDelay?.(noDelay) },
    setKeepAlive: { value: (enable?: boolean, delayMs?: number) => stream.setKeepAlive?.(enable, delayMs) },
  })
}
