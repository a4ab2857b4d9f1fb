/**
 * What a decoder found at the beginning of the bytes it was given: a message and its length in bytes, or that more bytes are
 * needed, or that no bytes to come can make them one.
 */
export type Decoding<Value> = Decoded<Value> | 'incomplete' | 'malformed'

export interface Decoded<Value> {
  readonly value: Value
  /** Bytes that the message takes; what follows belongs to the next one. */
  readonly length: number
}

/** A decoder of one kind of message. It keeps no reference to the bytes. */
export type Decoder<Value> = (bytes: Buffer) => Decoding<Value>
