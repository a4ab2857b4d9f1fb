import { isIP, isIPv6 } from 'node:net'
import { PtError } from '../core/errors.ts'
import type { Address, ByteStream, Platform } from '../core/platform.ts'
import { randomBytes } from '../util/random.ts'
import {
  AUTHENTICATED,
  CHALLENGE_LENGTH,
  COMMAND_HEADER_LENGTH,
  END_OF_AUTH_TYPES,
  HASH_LENGTH,
  NONCE_LENGTH,
  REPLIES,
  SAFE_COOKIE,
  computeClientHash,
  decodeCommandHeader,
  decodeCookieFile,
  encodeClientDescription,
  isServerHash,
} from '../wire/extended-orport.ts'
import { StreamReader } from './stream-reader.ts'

/** Limit of everything up to OKAY, the dial included, in ms. */
const LIMIT_MS = 5_000

/** Where tor's Extended ORPort is. */
export interface ExtendedOrPort {
  readonly address: Address
  /** Reads the cookie file whole; asked anew for each connection, since tor rewrites it when it starts. */
  readCookieFile(): Promise<Buffer>
}

/** What tor is told of a client. */
export interface ExtendedOrPortClient {
  /** The PT name. */
  readonly transport: string
  /** Where it comes from; left out unless both are known and the address is an IP address. */
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
}

/**
 * Dials an Extended ORPort, authenticates with SAFE_COOKIE and describes a client; resolves with the stream once tor has said OKAY, paused
 * and the caller's. Rejects within 5 s with PT_HANDSHAKE_FAILED (no cookie, a server without the cookie, a refusal), PT_TRUNCATED,
 * PT_HANDSHAKE_TIMEOUT, the system's error, or the signal's reason. ext-orport-spec.
 */
export async function dialExtendedOrPort(
  orPort: ExtendedOrPort,
  client: ExtendedOrPortClient,
  platform: Pick<Platform, 'dialer' | 'clock' | 'random'>,
  signal: AbortSignal,
): Promise<ByteStream> {
  signal.throwIfAborted()
  const ending = new AbortController()
  const onAbort = (): void => ending.abort(signal.reason)
  signal.addEventListener('abort', onAbort)
  const makeTimeout = (): Error =>
    new PtError('PT_HANDSHAKE_TIMEOUT', `The Extended ORPort did not answer within ${LIMIT_MS} ms`)
  const timer = platform.clock.setTimer(() => ending.abort(makeTimeout()), LIMIT_MS)
  try {
    const cookie = await readCookie(orPort)
    const stream = await platform.dialer.dial(orPort.address, { signal: ending.signal })
    await negotiate(stream, client, { cookie, clientNonce: randomBytes(platform.random, NONCE_LENGTH) }, ending.signal)
    return stream
  } finally {
    timer.cancel()
    signal.removeEventListener('abort', onAbort)
  }
}

async function readCookie(orPort: ExtendedOrPort): Promise<Buffer> {
  let file: Buffer
  try {
    file = await orPort.readCookieFile()
  } catch (cause) {
    throw failed('The cookie file of the Extended ORPort cannot be read', cause)
  }
  const cookie = decodeCookieFile(file)
  if (cookie === undefined) throw failed('The cookie file of the Extended ORPort is not one')
  return cookie
}

/** Does everything between the dialled stream and OKAY; destroys the stream when that fails. */
async function negotiate(
  stream: ByteStream,
  client: ExtendedOrPortClient,
  secrets: { readonly cookie: Buffer; readonly clientNonce: Buffer },
  signal: AbortSignal,
): Promise<void> {
  const reader = new StreamReader(stream, signal)
  try {
    await authenticate(stream, reader, secrets)
    stream.write(encodeClientDescription({ transport: client.transport, userAddress: formatUserAddress(client) }))
    await awaitOkay(reader)
    reader.release()
  } catch (error) {
    // The reader is not released: it hears the errors that may still come.
    stream.destroy()
    throw error
  }
}

async function authenticate(
  stream: ByteStream,
  reader: StreamReader,
  { cookie, clientNonce }: { readonly cookie: Buffer; readonly clientNonce: Buffer },
): Promise<void> {
  const types = new Set<number>()
  for (;;) {
    const [type] = await reader.take(1)
    if (type === END_OF_AUTH_TYPES) break
    types.add(type!)
  }
  if (!types.has(SAFE_COOKIE)) throw failed('The Extended ORPort does not offer SAFE_COOKIE')
  stream.write(Buffer.concat([Buffer.of(SAFE_COOKIE), clientNonce]))
  const challenge = await reader.take(CHALLENGE_LENGTH)
  const exchange = { cookie, clientNonce, serverNonce: challenge.subarray(HASH_LENGTH) }
  if (!isServerHash(challenge.subarray(0, HASH_LENGTH), exchange))
    throw failed('The server at the Extended ORPort does not have its cookie')
  stream.write(computeClientHash(exchange))
  const [status] = await reader.take(1)
  if (status !== AUTHENTICATED) throw failed('The Extended ORPort refused the cookie')
}

/** Reads replies up to OKAY. Bodies, and replies that are not known, are skipped. */
async function awaitOkay(reader: StreamReader): Promise<void> {
  for (;;) {
    const { type, length } = decodeCommandHeader(await reader.take(COMMAND_HEADER_LENGTH))
    await reader.take(length)
    if (type === REPLIES.okay) return
    if (type === REPLIES.deny) throw failed('The Extended ORPort denied the client')
  }
}

function formatUserAddress({ remoteAddress, remotePort }: ExtendedOrPortClient): string | undefined {
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  // A socket that listens for both families shows IPv4 peers as mapped addresses, and a link-local peer with its zone.
  const address = remoteAddress.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (isIP(address) === 0) return undefined
  return isIPv6(address) ? `[${address}]:${remotePort}` : `${address}:${remotePort}`
}

function failed(message: string, cause?: unknown): PtError {
  return new PtError('PT_HANDSHAKE_FAILED', message, cause === undefined ? undefined : { cause })
}
