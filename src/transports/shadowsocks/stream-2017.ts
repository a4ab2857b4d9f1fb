import { Buffer } from 'node:buffer'
import { ExactReader } from '../../util/exact-reader.ts'
import { byteLengthOf } from '../../util/take-bytes.ts'
import { decodeSocksAddress } from '../../wire/socks-address.ts'
import { CountingAead } from './aead.ts'
import { ChunkReader, CHUNKS_2017, chunksLength, sealChunks } from './chunks.ts'
import { type Secret, subkeyOf } from './keys.ts'
import {
  badAddress,
  forgedChunk,
  forgedHead,
  type Opened,
  replayedSalt,
  type StreamOpener,
  type StreamSealer,
} from './stream.ts'

const NOTHING_OPENED: Opened = Object.freeze({})

/** Seals one direction: the salt, then chunks (AEAD ciphers of 2017). */
export class Sealer2017 implements StreamSealer {
  readonly #aead: CountingAead
  /** What goes before the first bytes: the salt, then what is sealed with them. */
  #head: { readonly salt: Buffer; readonly address: Uint8Array } | undefined

  /** The first chunk begins with `address`: the target of a client, or nothing. */
  constructor(secret: Secret, salt: Buffer, address: Uint8Array) {
    this.#aead = new CountingAead(secret.method.cipher, subkeyOf(secret, salt))
    this.#head = { salt, address }
  }

  seal(bytes: readonly Uint8Array[]): Buffer {
    const plain = [...bytes]
    const salt = this.#head?.salt
    if (this.#head !== undefined) plain.unshift(this.#head.address)
    this.#head = undefined
    const at = salt?.length ?? 0
    const sealed = Buffer.allocUnsafe(at + chunksLength(byteLengthOf(plain), CHUNKS_2017))
    if (salt !== undefined) sealed.set(salt)
    sealChunks(this.#aead, plain, { rules: CHUNKS_2017, target: sealed, at })
    return sealed
  }
}

export interface Opener2017Parameters {
  readonly secret: Secret
  /** Whether the stream begins with an address. */
  readonly hasAddress: boolean
  /** Notes a salt whose first chunk was genuine; false where it was there before. */
  readonly insertSalt: (salt: Uint8Array) => boolean
}

/** Opens one direction. */
export class Opener2017 implements StreamOpener {
  readonly #parameters: Opener2017Parameters
  readonly #reader = new ExactReader()
  #salt: Buffer | undefined
  #chunks: ChunkReader | undefined
  /** What was opened of the address so far; undefined once it is known, or where there is none. */
  #addressPart: Buffer | undefined

  constructor(parameters: Opener2017Parameters) {
    this.#parameters = parameters
    this.#addressPart = parameters.hasAddress ? Buffer.alloc(0) : undefined
  }

  get isMidway(): boolean {
    if (this.#salt !== undefined || this.#addressPart !== undefined) return true
    return this.#chunks === undefined ? this.#reader.pendingLength > 0 : this.#chunks.isMidway
  }

  receive(bytes: Uint8Array): Opened {
    this.#reader.feed(bytes)
    if (this.#chunks === undefined) {
      const { secret } = this.#parameters
      const salt = this.#reader.take(secret.method.keyLength)
      if (salt === undefined) return NOTHING_OPENED
      this.#salt = Buffer.from(salt)
      this.#chunks = new ChunkReader(
        this.#reader,
        new CountingAead(secret.method.cipher, subkeyOf(secret, salt)),
        CHUNKS_2017,
      )
    }
    return this.#salt === undefined && this.#addressPart === undefined ? this.#rest() : this.#begin(this.#chunks)
  }

  /** Takes the first chunk, which proves that the peer knows the key, and those that the address may go on in. */
  #begin(chunks: ChunkReader): Opened {
    for (;;) {
      const chunk = chunks.next()
      if (chunk === 'more') return NOTHING_OPENED
      if (chunk === 'forged') return { failure: forgedHead() }
      if (this.#salt !== undefined && !this.#parameters.insertSalt(this.#salt)) return { failure: replayedSalt() }
      this.#salt = undefined
      if (this.#addressPart === undefined) return withData(chunk, this.#rest())
      this.#addressPart = Buffer.concat([this.#addressPart, chunk])
      const address = decodeSocksAddress(this.#addressPart)
      if (address === 'incomplete') continue
      if (typeof address === 'string') return { failure: badAddress() }
      const data = this.#addressPart.subarray(address.length)
      this.#addressPart = undefined
      return { ...withData(data, this.#rest()), target: address.value }
    }
  }

  #rest(): Opened {
    const { data, isForged } = this.#chunks!.rest()
    return isForged ? { data, failure: forgedChunk() } : { data }
  }
}

/** Puts the data of a first chunk, which may be empty, before what follows. */
export function withData(first: Buffer, rest: Opened): Opened {
  if (first.length === 0) return rest
  return { ...rest, data: rest.data === undefined ? first : Buffer.concat([first, rest.data]) }
}
