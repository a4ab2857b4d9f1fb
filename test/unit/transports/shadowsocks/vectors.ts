import { readFileSync } from 'node:fs'
import { METHODS } from '../../../../src/transports/shadowsocks/methods.ts'
import type { Random } from '../../../../src/util/random.ts'

/** Vectors of a method of 2017, in hex. */
export interface Vectors2017 {
  readonly password: string
  readonly masterKey: string
  readonly salt: string
  readonly subkey: string
  /** The address 127.0.0.1:8080, then "hello", in chunks of their own. */
  readonly stream: string
  /** The address, then "ping". */
  readonly datagram: string
}

/** Vectors of a method of 2022, in hex. */
export interface Vectors2022 {
  readonly psk: string
  readonly salt: string
  readonly subkey: string
  /** Unix time. */
  readonly seconds: number
  /** To 127.0.0.1:8080, with the padding "pad", "hello" in the header and "world" in a chunk. */
  readonly request: string
  readonly responseSalt: string
  /** With "reply". */
  readonly response: string
  readonly sessionId: string
  readonly sessionSubkey: string
  /** Packet 0 to 127.0.0.1:8080, without padding, "ping". */
  readonly datagram: string
}

const all = JSON.parse(readFileSync(new URL('../../../vectors/shadowsocks.json', import.meta.url), 'utf8')) as Record<
  string,
  never
>

export const TARGET = Object.freeze({ host: '127.0.0.1', port: 8080 })
export const METHODS_2017 = Object.values(METHODS).filter(({ edition }) => edition === '2017')
export const METHODS_2022 = Object.values(METHODS).filter(({ edition }) => edition === '2022')

export function vectors2017(name: string): Vectors2017 {
  return all[name]!
}

export function vectors2022(name: string): Vectors2022 {
  return all[name]!
}

export const hex = (text: string): Buffer => Buffer.from(text, 'hex')

/** A source that gives these bytes, and no more. */
export function fixedRandom(...parts: readonly Uint8Array[]): Random {
  let left = Buffer.concat(parts)
  return {
    fill: (target) => {
      if (target.length > left.length) throw new RangeError('no bytes are left')
      target.set(left.subarray(0, target.length))
      left = left.subarray(target.length)
      return target
    },
  }
}
