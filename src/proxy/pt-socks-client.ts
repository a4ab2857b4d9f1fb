import { PtError } from '../core/errors.ts'
import type { ByteStream, Dialer, TcpAddress } from '../core/platform.ts'
import type { Arguments } from '../core/transport.ts'
import { SOCKS_REPLY } from '../wire/socks.ts'
import { decodeSocks4Reply, encodeSocks4Request, SOCKS4_GRANTED } from '../wire/socks4.ts'
import {
  decodeCredentialsReply,
  decodeMethodChoice,
  decodeSocks5Reply,
  encodeCredentials,
  encodeMethods,
  encodeParameters,
  encodeSocks5Request,
  MAX_CREDENTIAL_LENGTH,
  METHOD_JSON,
  METHOD_NONE,
  METHOD_PASSWORD,
} from '../wire/socks5.ts'
import { formatPairs } from './pt-arguments.ts'
import { openTunnel, refusalBy, SOCKS_CODES, type Tunnel, type TunnelParty } from './tunnel.ts'

const PARTY: TunnelParty = (did, cause) =>
  new PtError('PT_HANDSHAKE_FAILED', `The PT process ${did}`, cause === undefined ? undefined : { cause })
/** Longest arguments as pairs that a user name and a password hold together, in bytes (PT 1.0 §3.5). */
const MAX_PAIRS_LENGTH = 510
/** Fills the place of a password where the user name holds all, since RFC 1929 has no empty one (PT 1.0 §3.5). */
const FILLER = Buffer.of(0)
/** Replies that tell of the arguments (PT 3.0 §3.2). */
const ARGUMENT_FAULTS: Readonly<Record<number, string>> = {
  [SOCKS_REPLY.parametersTooLarge]: 'too long',
  [SOCKS_REPLY.parametersNotJson]: 'not JSON that it can read',
  [SOCKS_REPLY.parametersInvalid]: 'not what the transport takes',
}

/** A PT client's listener for one transport. */
export interface PtSocksPort {
  readonly version: 'socks4' | 'socks5'
  readonly address: TcpAddress
}

/** What a PT client is asked for: the PT server, and the arguments of this connection. */
export interface PtSocksRequest {
  readonly destination: TcpAddress
  readonly arguments: Arguments
}

/**
 * Dials a PT server through a PT client's SOCKS port; resolves once the transport's connection is there, with a stream that is paused and
 * the caller's. Arguments go by the JSON parameter block (0x09) where the client takes it, else as user name and password of 510 bytes
 * together; by SOCKS4 as USERID; never are they left out.
 *
 * Rejects with the system's code for a refusal that has one, PT_OPTION_INVALID for arguments that cannot be told or that are refused,
 * PT_ADDRESS_INVALID for a host that the protocol cannot carry, PT_HANDSHAKE_FAILED for any other refusal and for what is no answer, the
 * error of the dial, or the signal's reason. No time limit but the signal.
 */
export async function dialPtSocks(
  port: PtSocksPort,
  request: PtSocksRequest,
  { dialer, signal }: { readonly dialer: Dialer; readonly signal: AbortSignal },
): Promise<ByteStream> {
  signal.throwIfAborted()
  const pairs = encodePairs(request.arguments)
  const open = port.version === 'socks4' ? prepareSocks4(request, pairs) : prepareSocks5(request, pairs)
  const stream = await dialer.dial(port.address, { signal })
  await openTunnel(stream, open, { party: PARTY, signal })
  return stream
}

function prepareSocks4({ destination }: PtSocksRequest, pairs: Buffer): Tunnel {
  const request = encodeRequest(() => encodeSocks4Request(destination, pairs))
  return async (stream, reader) => {
    stream.write(request)
    const code = await reader.message(decodeSocks4Reply)
    if (code !== SOCKS4_GRANTED) throw refusalBy(PARTY, undefined, `reply ${code}`)
  }
}

function prepareSocks5({ destination, arguments: args }: PtSocksRequest, pairs: Buffer): Tunnel {
  const request = encodeRequest(() => encodeSocks5Request(destination))
  const methods = methodsFor(pairs)
  const parameters = encodeRequest(() => encodeParameters(Buffer.from(JSON.stringify(args))))
  return async (stream, reader) => {
    stream.write(encodeMethods(methods))
    const method = await reader.message(decodeMethodChoice)
    if (!methods.includes(method)) throw refusesMethods(methods)
    if (method === METHOD_PASSWORD) {
      stream.write(encodeCredentials(credentialsOf(pairs)))
      if (!(await reader.message(decodeCredentialsReply))) throw invalid('The PT process does not take the arguments')
    }
    // Nothing is answered to a parameter block that is good; in a write of its own it would keep the request back until it is acknowledged, 40 ms.
    stream.write(method === METHOD_JSON ? Buffer.concat([parameters, request]) : request)
    const reply = await reader.message(decodeSocks5Reply)
    if (reply !== SOCKS_REPLY.succeeded) throw refusalOf(reply)
  }
}

/** What is offered: a client that could choose to be told no arguments would lose them. */
function methodsFor(pairs: Buffer): readonly number[] {
  if (pairs.length === 0) return [METHOD_NONE]
  return pairs.length > MAX_PAIRS_LENGTH ? [METHOD_JSON] : [METHOD_JSON, METHOD_PASSWORD]
}

function refusesMethods(methods: readonly number[]): Error {
  if (methods.includes(METHOD_PASSWORD) || methods.includes(METHOD_NONE))
    return refusalBy(PARTY, undefined, 'no method to be told the arguments by')
  return invalid(`The arguments take more than the ${MAX_PAIRS_LENGTH} bytes that the PT process can be told`)
}

function refusalOf(reply: number): Error {
  const fault = ARGUMENT_FAULTS[reply]
  return fault === undefined
    ? refusalBy(PARTY, SOCKS_CODES[reply], `reply ${reply}`)
    : invalid(`The PT process finds the arguments ${fault}`)
}

function credentialsOf(pairs: Buffer): { readonly username: Buffer; readonly password: Buffer } {
  if (pairs.length <= MAX_CREDENTIAL_LENGTH) return { username: pairs, password: FILLER }
  return { username: pairs.subarray(0, MAX_CREDENTIAL_LENGTH), password: pairs.subarray(MAX_CREDENTIAL_LENGTH) }
}

/** Encodes the arguments as pairs. A NUL ends a USERID, and a password of one would be taken for the filler. */
function encodePairs(args: Arguments): Buffer {
  let pairs: Buffer
  try {
    pairs = Buffer.from(formatPairs(args))
  } catch (cause) {
    throw invalid('An argument of the transport has an empty name', cause)
  }
  if (pairs.includes(0)) throw invalid('An argument of the transport holds a NUL')
  return pairs
}

function encodeRequest(encode: () => Buffer): Buffer {
  try {
    return encode()
  } catch (cause) {
    throw new PtError('PT_ADDRESS_INVALID', 'The host or the arguments are more than SOCKS can carry', { cause })
  }
}

function invalid(message: string, cause?: unknown): PtError {
  return new PtError('PT_OPTION_INVALID', message, cause === undefined ? undefined : { cause })
}
