import { readFileSync } from 'node:fs'

interface PacketVector {
  readonly flag: number
  readonly payload: string
  readonly wire: string
}

/** The known answers of test/vectors/scramblesuit.json; byte strings are hex. */
interface ScrambleSuitVectors {
  readonly uniformDh: Readonly<Record<'privateX' | 'publicX' | 'privateY' | 'publicY' | 'secret', string>>
  readonly password: string
  readonly secret: string
  readonly epochHour: number
  readonly padding: string
  readonly clientMessage: string
  readonly masterKey: string
  readonly sessionKeys: string
  readonly clientPacket: PacketVector & { readonly padding: number }
  readonly serverPacket: PacketVector
  readonly ticketHandshake: Readonly<Record<'masterKey' | 'ticket' | 'padding' | 'hmacKey' | 'message', string>>
}

const file = new URL('../../../vectors/scramblesuit.json', import.meta.url)

export const vectors = JSON.parse(readFileSync(file, 'utf8')) as ScrambleSuitVectors
