import { Buffer } from 'node:buffer'
import type { TcpAddress } from '../../core/platform.ts'
import { decodeSocksAddress } from '../../wire/socks-address.ts'

/** What a header is of (SIP022 §3.1.3, §3.2.2). */
export const TYPE_CLIENT = 0
export const TYPE_SERVER = 1
/** How far a time may be from ours in seconds, both ways. */
export const MAX_TIME_DIFFERENCE_S = 30
/** The longest padding in bytes (SIP022 §3.1.3). */
export const MAX_PADDING_LENGTH = 900

const TYPE_LENGTH = 1
const TIME_LENGTH = 8
const LENGTH_LENGTH = 2

/** Type, time, and length of what follows: the fixed header of a request. */
export const REQUEST_HEADER_LENGTH = TYPE_LENGTH + TIME_LENGTH + LENGTH_LENGTH

/** Unix time in whole seconds. */
export function secondsOf(nowMs: number): number {
  return Math.floor(nowMs / 1000)
}

/** Encodes type and time, then `echo` (a salt, a session), then a length where there is one. */
export function encodeFixedHeader(
  type: number,
  seconds: number,
  echo: Uint8Array = Buffer.alloc(0),
  length?: number,
): Buffer {
  const lengthPosition = TYPE_LENGTH + TIME_LENGTH + echo.length
  const header = Buffer.alloc(lengthPosition + (length === undefined ? 0 : LENGTH_LENGTH), type)
  header.writeBigUInt64BE(BigInt(seconds), TYPE_LENGTH)
  header.set(echo, TYPE_LENGTH + TIME_LENGTH)
  if (length !== undefined) header.writeUInt16BE(length, lengthPosition)
  return header
}

/** Where `echo` lies in a fixed header. */
export const ECHO_POSITION = TYPE_LENGTH + TIME_LENGTH

/** The time in a fixed header, in seconds; beyond what a number holds it is imprecise, and no time of ours. */
export function timeIn(header: Buffer): number {
  return Number(header.readBigUInt64BE(TYPE_LENGTH))
}

/** Whether a time is near ours. */
export function isTimely(seconds: number, nowSeconds: number): boolean {
  return Math.abs(seconds - nowSeconds) <= MAX_TIME_DIFFERENCE_S
}

/** The padding's length and the padding. Throws nothing: `length` is at most MAX_PADDING_LENGTH. */
export function encodePadding(padding: Uint8Array): Buffer {
  const field = Buffer.alloc(LENGTH_LENGTH)
  field.writeUInt16BE(padding.length)
  return Buffer.concat([field, padding])
}

/** What follows padding that begins at `start`, a view; undefined where it is too long or runs past the end. */
export function skipPadding(
  bytes: Buffer,
  start: number,
): { readonly length: number; readonly rest: Buffer } | undefined {
  if (bytes.length < start + LENGTH_LENGTH) return undefined
  const length = bytes.readUInt16BE(start)
  const end = start + LENGTH_LENGTH + length
  return length > MAX_PADDING_LENGTH || end > bytes.length ? undefined : { length, rest: bytes.subarray(end) }
}

/** A request's variable header: address, padding, first bytes (a view). Undefined where it is malformed, or has neither padding nor bytes. */
export function decodeVariableHeader(
  bytes: Buffer,
): { readonly target: TcpAddress; readonly data: Buffer } | undefined {
  const address = decodeSocksAddress(bytes)
  if (typeof address === 'string') return undefined
  const padding = skipPadding(bytes, address.length)
  if (padding === undefined || (padding.length === 0 && padding.rest.length === 0)) return undefined
  return { target: address.value, data: padding.rest }
}
