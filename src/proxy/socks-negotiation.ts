import type { TcpAddress } from '../core/platform.ts'
import type { Arguments } from '../core/transport.ts'
import { GatherBuffer } from '../util/gather-buffer.ts'
import type { Decoder } from '../wire/decoding.ts'
import { CONNECT, SOCKS4_VERSION, SOCKS5_VERSION, SOCKS_REPLY } from '../wire/socks.ts'
import { decodeSocks4Request, encodeSocks4Reply, SOCKS4_GRANTED, SOCKS4_REJECTED } from '../wire/socks4.ts'
import type { Credentials } from '../wire/socks5.ts'
import {
  decodeCredentials,
  decodeMethods,
  decodeParameters,
  decodeSocks5Request,
  encodeCredentialsReply,
  encodeMethodChoice,
  encodeSocks5Reply,
  METHOD_JSON,
  METHOD_NONE,
  METHOD_PASSWORD,
  METHOD_UNACCEPTABLE,
} from '../wire/socks5.ts'
import { parsePairsBytes, parseParameters } from './pt-arguments.ts'

/** Bytes held while a request is incomplete; above the longest of them, one of a 64 KiB USERID or parameter block. */
const MAX_NEGOTIATION_LENGTH = 67_584
/** Methods that are accepted, best first: tor offers 0x00 beside 0x02 and sends its arguments only if 0x02 is chosen. */
const METHODS = [METHOD_JSON, METHOD_PASSWORD, METHOD_NONE]
const NO_ARGUMENTS: Arguments = Object.freeze({})
const NO_BYTES = Buffer.alloc(0)

/** What a SOCKS client asks for. */
export interface SocksRequest {
  /** The destination as the client gave it: an address or a name that nobody has looked up. */
  readonly destination: TcpAddress
  /** The per-connection arguments; empty when there are none. */
  readonly arguments: Arguments
  /** How the arguments came. Unknown names are an error in 'json' and ignored in 'pairs'. */
  readonly form: 'pairs' | 'json'
}

/** What is to be done after bytes were received; `wire` is to be sent in every case. */
export type NegotiationStep =
  | { readonly wire: Buffer; readonly state: 'incomplete' }
  /** `ahead` are bytes that follow the request: the application's. */
  | { readonly wire: Buffer; readonly state: 'requested'; readonly request: SocksRequest; readonly ahead: Buffer }
  /** The connection is to be ended after `wire`. `reason` is for logs. */
  | { readonly wire: Buffer; readonly state: 'refused'; readonly reason: string; readonly cause?: RefusalCause }

/** What the transport found wrong with the arguments of a JSON parameter block. */
export interface RefusalCause {
  readonly error: unknown
  readonly arguments: Arguments
}

type Stage = 'version' | 'socks4' | 'methods' | 'credentials' | 'parameters' | 'request'

const STAGE_AFTER: Readonly<Record<number, Stage>> = { [METHOD_JSON]: 'parameters', [METHOD_PASSWORD]: 'credentials' }

/**
 * The server's side of a SOCKS4, SOCKS4a or SOCKS5 request, without I/O. Bytes may come in any pieces and ahead of every answer.
 * `checkParameters` throws when a JSON parameter block does not suit the transport.
 */
export class SocksNegotiation {
  readonly #held = new GatherBuffer(MAX_NEGOTIATION_LENGTH)
  readonly #checkParameters: ((parameters: Arguments) => void) | undefined
  #consumed = 0
  #stage: Stage = 'version'
  #version: typeof SOCKS4_VERSION | typeof SOCKS5_VERSION = SOCKS5_VERSION
  #arguments = NO_ARGUMENTS
  #form: SocksRequest['form'] = 'pairs'
  #answers: Buffer[] = []
  #outcome: { readonly request: SocksRequest } | { readonly reason: string; readonly cause?: RefusalCause } | undefined

  constructor(checkParameters?: (parameters: Arguments) => void) {
    this.#checkParameters = checkParameters
  }

  /** Takes bytes of the client; not to be called after 'requested' or 'refused'. */
  receive(bytes: Buffer): NegotiationStep {
    const taken = this.#held.append(bytes)
    while (this.#outcome === undefined && this.#advance());
    const wire = Buffer.concat(this.#answers)
    this.#answers = []
    if (this.#outcome === undefined) return { wire, state: 'incomplete' }
    if ('reason' in this.#outcome) return { wire, state: 'refused', ...this.#outcome }
    const ahead = Buffer.concat([this.#held.bytes.subarray(this.#consumed), bytes.subarray(taken)])
    this.#held.clear()
    return { wire, state: 'requested', request: this.#outcome.request, ahead }
  }

  /** The answer to a client that did not finish in time; empty where none fits. */
  expire(): Buffer {
    if (this.#stage === 'version' || this.#stage === 'methods') return NO_BYTES
    if (this.#stage === 'credentials') return encodeCredentialsReply(false)
    return this.encodeReply(this.#form === 'json' ? SOCKS_REPLY.parametersTimeout : SOCKS_REPLY.ttlExpired)
  }

  /** Encodes a reply to the request in the client's version. */
  encodeReply(code: number): Buffer {
    if (this.#version === SOCKS5_VERSION) return encodeSocks5Reply(code)
    return encodeSocks4Reply(code === SOCKS_REPLY.succeeded ? SOCKS4_GRANTED : SOCKS4_REJECTED)
  }

  /** The reply to a failure in the transport's options. */
  get optionReply(): number {
    return this.#form === 'json' ? SOCKS_REPLY.parametersInvalid : SOCKS_REPLY.generalFailure
  }

  /** Works on the next message; returns whether there may be one more. */
  #advance(): boolean {
    switch (this.#stage) {
      case 'version':
        return this.#readVersion()
      case 'socks4':
        return this.#readSocks4()
      case 'methods':
        return this.#readMethods()
      case 'credentials':
        return this.#readCredentials()
      case 'parameters':
        return this.#readParameters()
      default:
        return this.#readRequest()
    }
  }

  #readVersion(): boolean {
    const version = this.#held.bytes[0]
    if (version === undefined) return false
    if (version !== SOCKS4_VERSION && version !== SOCKS5_VERSION) return this.#refuse(NO_BYTES, 'not SOCKS')
    this.#version = version
    this.#stage = version === SOCKS4_VERSION ? 'socks4' : 'methods'
    return true
  }

  #readSocks4(): boolean {
    return this.#read(decodeSocks4Request, SOCKS_REPLY.generalFailure, ({ command, destination, userId }) => {
      const args = parsePairsBytes(userId)
      if (args === undefined) return this.#refuseBy(SOCKS_REPLY.generalFailure, 'the USERID holds no arguments')
      this.#arguments = args
      return this.#request(command, destination)
    })
  }

  #readMethods(): boolean {
    return this.#read(decodeMethods, SOCKS_REPLY.generalFailure, (offered) => {
      const method = METHODS.find((accepted) => offered.includes(accepted))
      if (method === undefined) return this.#refuse(encodeMethodChoice(METHOD_UNACCEPTABLE), 'no method is acceptable')
      this.#answers.push(encodeMethodChoice(method))
      if (method === METHOD_JSON) this.#form = 'json'
      this.#stage = STAGE_AFTER[method] ?? 'request'
      return true
    })
  }

  #readCredentials(): boolean {
    const refusal = encodeCredentialsReply(false)
    return this.#read(decodeCredentials, refusal, (credentials) => {
      const args = parsePairsBytes(argumentBytes(credentials))
      if (args === undefined) return this.#refuse(refusal, 'user name and password hold no arguments')
      this.#arguments = args
      this.#answers.push(encodeCredentialsReply(true))
      this.#stage = 'request'
      return true
    })
  }

  #readParameters(): boolean {
    return this.#read(decodeParameters, SOCKS_REPLY.parametersTooLarge, (json) => {
      const parameters = parseParameters(json)
      if (typeof parameters === 'number') return this.#refuseBy(parameters, 'the JSON block holds no parameters')
      try {
        this.#checkParameters?.(parameters)
      } catch (error) {
        const answer = this.encodeReply(SOCKS_REPLY.parametersInvalid)
        return this.#refuse(answer, 'the parameters do not suit the transport', { error, arguments: parameters })
      }
      this.#arguments = parameters
      this.#stage = 'request'
      return true
    })
  }

  #readRequest(): boolean {
    return this.#read(decodeSocks5Request, SOCKS_REPLY.generalFailure, (request) => {
      if ('destination' in request) return this.#request(request.command, request.destination)
      return this.#refuseBy(request.unsupported, 'the address type does not exist')
    })
  }

  #request(command: number, destination: TcpAddress): boolean {
    if (command !== CONNECT) return this.#refuseBy(SOCKS_REPLY.commandNotSupported, 'the command is not CONNECT')
    this.#outcome = { request: Object.freeze({ destination, arguments: this.#arguments, form: this.#form }) }
    return false
  }

  #read<Value>(decode: Decoder<Value>, refusal: number | Buffer, take: (value: Value) => boolean): boolean {
    const decoding = decode(this.#held.bytes.subarray(this.#consumed))
    if (decoding === 'incomplete') return false
    if (decoding === 'malformed') {
      const answer = typeof refusal === 'number' ? this.encodeReply(refusal) : refusal
      return this.#refuse(answer, `malformed ${this.#stage}`)
    }
    this.#consumed += decoding.length
    return take(decoding.value)
  }

  #refuseBy(code: number, reason: string): boolean {
    return this.#refuse(this.encodeReply(code), reason)
  }

  #refuse(answer: Buffer, reason: string, cause?: RefusalCause): boolean {
    this.#answers.push(answer)
    this.#outcome = { reason, ...(cause !== undefined && { cause }) }
    this.#held.clear()
    return false
  }
}

/** Joins user name and password; a password of one NUL only fills its place. */
function argumentBytes({ username, password }: Credentials): Uint8Array {
  return password.length === 1 && password[0] === 0 ? username : Buffer.concat([username, password])
}
