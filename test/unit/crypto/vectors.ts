import { readFileSync } from 'node:fs'

/** The known answers of test/vectors/obfs4.json, as far as the primitives need them; byte strings are hex. */
export interface Obfs4Vectors {
  readonly client: KeyPairVector
  readonly server: KeyPairVector
  readonly identity: { readonly private: string; readonly public: string; readonly nodeId: string }
  readonly handshake: Readonly<Record<HandshakeField, string>>
  readonly drbg: { readonly seed: string; readonly blocks: readonly string[] }
  readonly probdist: readonly DistributionVector[]
  readonly closeDelay: { readonly drbgSeed: string; readonly seconds: number }
}

type HandshakeField =
  | 'epochHour'
  | 'clientPad'
  | 'macC'
  | 'clientMessage'
  | 'dh_xY'
  | 'dh_xB'
  | 'keySeed'
  | 'auth'
  | 'serverMessage'
  | 'okm144'

export interface KeyPairVector {
  readonly seed32: string
  readonly private: string
  readonly public: string
  readonly representative: string
}

export interface DistributionVector {
  readonly name: string
  readonly seed: string
  readonly min: number
  readonly max: number
  readonly values: readonly number[]
  readonly weights: readonly number[]
  readonly prob: readonly number[]
  readonly alias: readonly number[]
}

const path = new URL('../../vectors/obfs4.json', import.meta.url)

export const vectors = JSON.parse(readFileSync(path, 'utf8')) as Obfs4Vectors

/** Reads hex into a new buffer. */
export function hex(text: string): Buffer {
  return Buffer.from(text, 'hex')
}
