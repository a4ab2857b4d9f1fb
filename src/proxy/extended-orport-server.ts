import { isIP, isIPv6 } from 'node:net'
import { PtError } from '../core/errors.ts'
import { DEFAULT_LIMITS } from '../core/limits.ts'
import { isTransportName } from '../core/name.ts'
import type { BoundAddress, ByteStream, ListenAddress, Platform } from '../core/platform.ts'
import { randomBytes } from '../util/random.ts'
import { unlessAborted } from '../util/unless-aborted.ts'
import {
  AUTHENTICATED,
  COMMANDS,
  COMMAND_HEADER_LENGTH,
  COOKIE_LENGTH,
  END_OF_AUTH_TYPES,
  HASH_LENGTH,
  NONCE_LENGTH,
  NOT_AUTHENTICATED,
  REPLIES,
  SAFE_COOKIE,
  computeServerHash,
  decodeCommandHeader,
  encodeCommand,
  encodeCookieFile,
  isClientHash,
} from '../wire/extended-orport.ts'
import { StreamReader } from './stream-reader.ts'

/** Limit of everything from accept to OKAY, the veto included, in ms. */
const LIMIT_MS = 5_000
/** Commands before DONE; two are known. */
const MAX_COMMAND_COUNT = 64
/** Longest body of a command, in bytes, far above every address and name. */
const MAX_BODY_LENGTH = 4_096
const MAX_PORT = 65_535

/** What a PT server says of a client of its own. */
export interface DescribedClient {
  /** The PT name. */
  readonly transport: string | undefined
  /** Its IP address, without brackets; undefined, with the port, where the PT server does not know it. */
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
}

export interface ExtendedOrPortServerParameters {
  readonly platform: Pick<Platform, 'binder' | 'clock' | 'random'>
  /** Where to listen: loopback, as a rule. */
  readonly address: ListenAddress
  /** Writes the cookie file, atomically and for its owner alone; called once, before anything is bound. */
  writeCookieFile(content: Buffer): Promise<void>
  /** Owns the stream from OKAY on: paused, with the client's own address in place of the PT server's. */
  readonly onClient: (stream: ByteStream, client: DescribedClient) => void
  /** Says whether a client may come in; false, an error or no answer in time is DENY. Everybody may where it is absent. */
  readonly admit?: ((client: DescribedClient) => boolean | Promise<boolean>) | undefined
  /** Hears why a stream did not become a client: PT_HANDSHAKE_FAILED, PT_TRUNCATED, PT_HANDSHAKE_TIMEOUT or the system's error. */
  readonly onRefused?: ((error: Error) => void) | undefined
  /** Hears of a failure after which nothing more is accepted. */
  readonly onError?: ((error: Error) => void) | undefined
  /** Streams that may be short of OKAY at one time, past which newcomers are closed; 4,096. */
  readonly maxHandshakes?: number | undefined
}

/** An Extended ORPort at work. */
export interface ExtendedOrPortServer {
  /** The address really bound. */
  readonly address: BoundAddress
  /** Stops accepting and destroys the streams that are no clients yet; clients live on. */
  close(): Promise<void>
}

/**
 * Listens as tor does at its Extended ORPort, for PT servers that have the cookie (ext-orport-spec): SAFE_COOKIE, the description of a
 * client, then OKAY, after which the stream is the client's. Rejects with what writing the cookie file or binding rejects with.
 */
export async function listenExtendedOrPort(parameters: ExtendedOrPortServerParameters): Promise<ExtendedOrPortServer> {
  const { platform, maxHandshakes = DEFAULT_LIMITS.maxHandshakes } = parameters
  const cookie = randomBytes(platform.random, COOKIE_LENGTH)
  await parameters.writeCookieFile(encodeCookieFile(cookie))
  const handshakes = new Set<ByteStream>()

  const serve = async (stream: ByteStream): Promise<void> => {
    handshakes.add(stream)
    try {
      const client = await welcome(stream, cookie, parameters)
      handshakes.delete(stream)
      showRemote(stream, client)
      parameters.onClient(stream, client)
    } catch (error) {
      handshakes.delete(stream)
      parameters.onRefused?.(error as Error)
    }
  }
  const acceptor = await platform.binder.bind(parameters.address, {
    onStream(stream) {
      if (handshakes.size < maxHandshakes) void serve(stream)
      else {
        stream.on('error', () => {})
        stream.destroy()
      }
    },
    onError: (error) => parameters.onError?.(error),
  })
  return {
    address: acceptor.address,
    async close() {
      await acceptor.close()
      for (const stream of handshakes) stream.destroy()
    },
  }
}

/** What a PT server is told before its stream is ended. */
class Refusal extends PtError {
  readonly reply: Buffer

  constructor(message: string, reply: Buffer) {
    super('PT_HANDSHAKE_FAILED', message)
    this.reply = reply
  }
}

/** Does everything from accept to OKAY; destroys the stream when that fails. */
async function welcome(
  stream: ByteStream,
  cookie: Buffer,
  { platform, admit }: ExtendedOrPortServerParameters,
): Promise<DescribedClient> {
  const ending = new AbortController()
  const late = new PtError('PT_HANDSHAKE_TIMEOUT', `The PT server did not describe a client within ${LIMIT_MS} ms`)
  const timer = platform.clock.setTimer(() => ending.abort(late), LIMIT_MS)
  const reader = new StreamReader(stream, ending.signal)
  try {
    await authenticate(stream, reader, { cookie, serverNonce: randomBytes(platform.random, NONCE_LENGTH) })
    const client = await readDescription(reader)
    // As tor does: nothing of the client's may come before OKAY.
    if (stream.readableLength > 0) throw deny('The PT server sent payload before it was told to')
    const isAdmitted = await unlessAborted(isWelcome(client, admit), ending.signal)
    if (!isAdmitted) throw deny('The client was not let in')
    if (stream.destroyed) throw new PtError('PT_TRUNCATED', 'The stream closed before the client was let in')
    stream.write(encodeCommand(REPLIES.okay))
    reader.release()
    return client
  } catch (error) {
    // The reader is not released: it hears the errors that may still come.
    if (error instanceof Refusal && stream.writable) stream.end(error.reply, () => stream.destroy())
    else stream.destroy()
    throw error
  } finally {
    timer.cancel()
  }
}

async function isWelcome(client: DescribedClient, admit: ExtendedOrPortServerParameters['admit']): Promise<boolean> {
  try {
    return admit === undefined || (await admit(client))
  } catch {
    return false
  }
}

async function authenticate(
  stream: ByteStream,
  reader: StreamReader,
  { cookie, serverNonce }: { readonly cookie: Buffer; readonly serverNonce: Buffer },
): Promise<void> {
  stream.write(Buffer.of(SAFE_COOKIE, END_OF_AUTH_TYPES))
  const [type] = await reader.take(1)
  if (type !== SAFE_COOKIE) throw new PtError('PT_HANDSHAKE_FAILED', 'The PT server did not choose SAFE_COOKIE')
  const clientNonce = await reader.take(NONCE_LENGTH)
  const exchange = { cookie, clientNonce, serverNonce }
  stream.write(Buffer.concat([computeServerHash(exchange), serverNonce]))
  if (!isClientHash(await reader.take(HASH_LENGTH), exchange))
    throw new Refusal('The PT server does not have the cookie', Buffer.of(NOT_AUTHENTICATED))
  stream.write(Buffer.of(AUTHENTICATED))
}

/** Reads commands up to DONE. Those that are not known are skipped; of one that comes twice the last counts, as in tor. */
async function readDescription(reader: StreamReader): Promise<DescribedClient> {
  let userAddress: Partial<DescribedClient> = {}
  let transport: string | undefined
  for (let count = 0; count < MAX_COMMAND_COUNT; count++) {
    const { type, length } = decodeCommandHeader(await reader.take(COMMAND_HEADER_LENGTH))
    if (length > MAX_BODY_LENGTH) throw deny('A command of the PT server is too long')
    const body = (await reader.take(length)).toString('latin1')
    if (type === COMMANDS.done) return Object.freeze({ ...NOBODY, ...userAddress, transport })
    if (type === COMMANDS.userAddress) userAddress = parseUserAddress(body)
    if (type === COMMANDS.transport) transport = parseTransport(body)
  }
  throw deny('The PT server sent too many commands')
}

const NOBODY: DescribedClient = { transport: undefined, remoteAddress: undefined, remotePort: undefined }

function parseUserAddress(text: string): Partial<DescribedClient> {
  const parts = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[\d.]+)):(?<port>\d{1,5})$/.exec(text)?.groups
  const remoteAddress = parts?.['v6'] ?? parts?.['v4'] ?? ''
  const remotePort = Number(parts?.['port'])
  const isAddress = isIP(remoteAddress) === (parts?.['v6'] === undefined ? 4 : 6) && remotePort <= MAX_PORT
  if (!isAddress) throw deny("The PT server gave a client's address that is none")
  return { remoteAddress, remotePort }
}

function parseTransport(text: string): string {
  if (!isTransportName(text)) throw deny('The PT server named a transport by what is no name')
  return text
}

/** Puts the client's address in place of the PT server's, whose own says nothing. */
function showRemote(stream: ByteStream, { remoteAddress, remotePort }: DescribedClient): void {
  const remoteFamily = remoteAddress === undefined ? undefined : isIPv6(remoteAddress) ? 'IPv6' : 'IPv4'
  for (const [name, value] of Object.entries({ remoteAddress, remotePort, remoteFamily }))
    Object.defineProperty(stream, name, { value, configurable: true, enumerable: true })
}

function deny(message: string): Refusal {
  return new Refusal(message, encodeCommand(REPLIES.deny))
}
