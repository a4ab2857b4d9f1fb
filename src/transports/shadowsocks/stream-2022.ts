import { Buffer } from 'node:buffer'
import type { PtError } from '../../core/errors.ts'
import { ExactReader } from '../../util/exact-reader.ts'
import { type Random, randomBytes, uniformInteger } from '../../util/random.ts'
import { byteLengthOf, takeBytes } from '../../util/take-bytes.ts'
import { CountingAead, TAG_LENGTH } from './aead.ts'
import { ChunkReader, CHUNKS_2022, chunksLength, sealChunks } from './chunks.ts'
import {
  decodeVariableHeader,
  ECHO_POSITION,
  encodeFixedHeader,
  encodePadding,
  isTimely,
  MAX_PADDING_LENGTH,
  REQUEST_HEADER_LENGTH,
  secondsOf,
  timeIn,
  TYPE_CLIENT,
  TYPE_SERVER,
} from './headers-2022.ts'
import { type Secret, subkeyOf } from './keys.ts'
import {
  badHeader,
  forgedChunk,
  forgedHead,
  type Opened,
  replayedSalt,
  staleTime,
  type StreamOpener,
  type StreamSealer,
} from './stream.ts'
import { withData } from './stream-2017.ts'

const NOTHING_OPENED: Opened = Object.freeze({})

/** What both sides of SIP022's TCP need besides the secret. */
export interface World2022 {
  /** Wall time in ms. */
  readonly now: () => number
  readonly random: Random
}

/** What goes behind the salt: the fixed header, and a message of the first bytes, which it takes out of `plain`. */
type MakeHead = (plain: Uint8Array[]) => readonly [fixed: Uint8Array, message: readonly Uint8Array[]]

/** Seals salt and head with the first bytes, then chunks. */
class Sealer2022 implements StreamSealer {
  readonly #aead: CountingAead
  #head: { readonly salt: Buffer; readonly make: MakeHead } | undefined

  constructor(secret: Secret, salt: Buffer, make: MakeHead) {
    this.#aead = new CountingAead(secret.method.cipher, subkeyOf(secret, salt))
    this.#head = { salt, make }
  }

  seal(bytes: readonly Uint8Array[]): Buffer {
    const plain = [...bytes]
    const head = this.#head
    if (head === undefined) return this.#sealAll(undefined, [], plain)
    this.#head = undefined
    const [fixed, message] = head.make(plain)
    return this.#sealAll(head.salt, [[fixed], message], plain)
  }

  /** Seals messages one by one, then bytes as chunks, behind the salt. */
  #sealAll(salt: Buffer | undefined, messages: readonly (readonly Uint8Array[])[], bytes: Uint8Array[]): Buffer {
    let end = salt?.length ?? 0
    let length = end + chunksLength(byteLengthOf(bytes), CHUNKS_2022)
    for (const message of messages) length += byteLengthOf(message) + TAG_LENGTH
    const target = Buffer.allocUnsafe(length)
    if (salt !== undefined) target.set(salt)
    for (const message of messages) end = this.#aead.seal(message, target, end)
    sealChunks(this.#aead, bytes, { rules: CHUNKS_2022, target, at: end })
    return target
  }
}

/** Makes what seals a request: salt, fixed and variable header with the first bytes, then chunks (SIP022 §3.1). */
export function createRequestSealer2022(
  secret: Secret,
  salt: Buffer,
  address: Uint8Array,
  { now, random }: World2022,
): StreamSealer {
  return new Sealer2022(secret, salt, (plain) => {
    // There must be one of both; padding hides how long the address is where nothing else follows it.
    const isEmpty = byteLengthOf(plain) === 0
    const padding = encodePadding(randomBytes(random, isEmpty ? uniformInteger(random, 1, MAX_PADDING_LENGTH) : 0))
    const first = takeBytes(plain, CHUNKS_2022.maxLength - address.length - padding.length)
    const variable = [address, padding, ...first]
    return [encodeFixedHeader(TYPE_CLIENT, secondsOf(now()), undefined, byteLengthOf(variable)), variable]
  })
}

/** Makes what seals a response: salt, fixed header that names the request's salt, the first bytes, then chunks (SIP022 §3.1.4). */
export function createResponseSealer2022(
  secret: Secret,
  salt: Buffer,
  requestSalt: Uint8Array,
  { now }: World2022,
): StreamSealer {
  return new Sealer2022(secret, salt, (plain) => {
    const first = takeBytes(plain, CHUNKS_2022.maxLength)
    return [encodeFixedHeader(TYPE_SERVER, secondsOf(now()), requestSalt, byteLengthOf(first)), first]
  })
}

/** Reads a salt, a fixed header, a message whose length that tells, then chunks. */
abstract class Opener2022 implements StreamOpener {
  protected readonly secret: Secret
  protected readonly world: World2022
  protected salt: Buffer | undefined
  readonly #reader = new ExactReader()
  readonly #headerLength: number
  #aead: CountingAead | undefined
  /** Of the message after the fixed header, once that is read. */
  #messageLength: number | undefined
  #chunks: ChunkReader | undefined

  constructor(secret: Secret, world: World2022, headerLength: number) {
    this.secret = secret
    this.world = world
    this.#headerLength = headerLength
  }

  get isMidway(): boolean {
    return this.#chunks === undefined
      ? this.salt !== undefined || this.#reader.pendingLength > 0
      : this.#chunks.isMidway
  }

  receive(bytes: Uint8Array): Opened {
    this.#reader.feed(bytes)
    return this.#chunks === undefined ? this.#readHead() : this.#rest(this.#chunks)
  }

  /** Checks a fixed header that is genuine. */
  protected abstract check(header: Buffer): PtError | undefined
  /** Makes of the message after it what it brings. */
  protected abstract begin(message: Buffer): Opened

  #readHead(): Opened {
    if (this.#aead === undefined) {
      const salt = this.#reader.take(this.secret.method.keyLength)
      if (salt === undefined) return NOTHING_OPENED
      this.salt = Buffer.from(salt)
      this.#aead = new CountingAead(this.secret.method.cipher, subkeyOf(this.secret, salt))
    }
    if (this.#messageLength === undefined) {
      const box = this.#reader.take(this.#headerLength + TAG_LENGTH)
      if (box === undefined) return NOTHING_OPENED
      const header = this.#aead.open(box)
      const failure = header === undefined ? forgedHead() : this.check(header)
      if (failure !== undefined) return { failure }
      this.#messageLength = header!.readUInt16BE(this.#headerLength - 2)
    }
    const box = this.#reader.take(this.#messageLength + TAG_LENGTH)
    if (box === undefined) return NOTHING_OPENED
    const message = this.#aead.open(box)
    if (message === undefined) return { failure: forgedHead() }
    const opened = this.begin(message)
    if (opened.failure !== undefined) return opened
    this.#chunks = new ChunkReader(this.#reader, this.#aead, CHUNKS_2022)
    return { ...opened, ...withData(opened.data ?? Buffer.alloc(0), this.#rest(this.#chunks)) }
  }

  #rest(chunks: ChunkReader): Opened {
    const { data, isForged } = chunks.rest()
    return isForged ? { data, failure: forgedChunk() } : { data }
  }
}

/** Opens a request, on a server. */
export class RequestOpener2022 extends Opener2022 {
  readonly #insertSalt: (salt: Uint8Array, seconds: number) => 'fresh' | 'stale' | 'replay'

  /** `insertSalt` notes the salt of a genuine header of that time, and says whether it may be believed. */
  constructor(
    secret: Secret,
    world: World2022,
    insertSalt: (salt: Uint8Array, seconds: number) => 'fresh' | 'stale' | 'replay',
  ) {
    super(secret, world, REQUEST_HEADER_LENGTH)
    this.#insertSalt = insertSalt
  }

  protected override check(header: Buffer): PtError | undefined {
    if (header[0] !== TYPE_CLIENT) return badHeader()
    const seconds = timeIn(header)
    if (!isTimely(seconds, secondsOf(this.world.now()))) return staleTime()
    const verdict = this.#insertSalt(this.salt!, seconds)
    if (verdict === 'replay') return replayedSalt()
    return verdict === 'stale' ? staleTime() : undefined
  }

  protected override begin(message: Buffer): Opened {
    const header = decodeVariableHeader(message)
    if (header === undefined) return { failure: badHeader() }
    return { target: header.target, data: header.data, salt: this.salt }
  }
}

/** Opens a response, on a client. */
export class ResponseOpener2022 extends Opener2022 {
  readonly #requestSalt: Buffer

  /** `requestSalt` is that of the request which is answered. */
  constructor(secret: Secret, world: World2022, requestSalt: Buffer) {
    super(secret, world, REQUEST_HEADER_LENGTH + requestSalt.length)
    this.#requestSalt = requestSalt
  }

  protected override check(header: Buffer): PtError | undefined {
    if (header[0] !== TYPE_SERVER) return badHeader()
    if (!isTimely(timeIn(header), secondsOf(this.world.now()))) return staleTime()
    const echoed = header.subarray(ECHO_POSITION, ECHO_POSITION + this.#requestSalt.length)
    return echoed.equals(this.#requestSalt) ? undefined : badHeader()
  }

  protected override begin(message: Buffer): Opened {
    return { data: message }
  }
}
