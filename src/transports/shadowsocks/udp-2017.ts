import { Buffer } from 'node:buffer'
import { createSecretKey } from 'node:crypto'
import type { AddressedPacket, DatagramCodec } from '../../core/packets.ts'
import type { TcpAddress, UdpAddress } from '../../core/platform.ts'
import { type Random, randomBytes } from '../../util/random.ts'
import { decodeSocksAddress, encodeSocksAddress } from '../../wire/socks-address.ts'
import { openBox, sealInto, TAG_LENGTH } from './aead.ts'
import { type Secret, subkeyOf } from './keys.ts'
import { isFromTarget, MAX_DATAGRAM_LENGTH } from './udp.ts'

const ZERO_NONCE = Buffer.alloc(12)

/** What both ends of datagrams of 2017 need. */
export interface Datagrams2017 {
  readonly secret: Secret
  readonly random: Random
  /** Notes a salt; false where it was there before. Salts of our own are noted too, so that nothing can be reflected. */
  readonly insertSalt: (salt: Uint8Array) => boolean
}

/** A client's datagrams to one target: salt ‖ AEAD(address ‖ packet). */
export class ClientDatagrams2017 implements DatagramCodec {
  readonly #world: Datagrams2017
  readonly #target: TcpAddress
  readonly #address: Buffer

  constructor(world: Datagrams2017, target: TcpAddress) {
    this.#world = world
    this.#target = target
    this.#address = encodeSocksAddress(target)
  }

  seal(packet: Uint8Array): Uint8Array | 'too-long' {
    return sealDatagram(this.#world, this.#address, packet)
  }

  open(datagram: Uint8Array): Buffer | undefined {
    const opened = openDatagram(this.#world, datagram)
    return opened !== undefined && isFromTarget(opened.target, this.#target) ? opened.packet : undefined
  }
}

/** A server's datagrams of one client, which may have many targets. */
export class ServerDatagrams2017 implements DatagramCodec {
  readonly carriesAddresses = true
  readonly #world: Datagrams2017
  /** Of the newest packet. */
  #target: TcpAddress | undefined

  constructor(world: Datagrams2017) {
    this.#world = world
  }

  seal(packet: Uint8Array, from: UdpAddress | undefined = this.#target): Uint8Array | 'too-long' | 'malformed' {
    return from === undefined ? 'malformed' : sealDatagram(this.#world, encodeSocksAddress(from), packet)
  }

  open(datagram: Uint8Array): AddressedPacket | undefined {
    const opened = openDatagram(this.#world, datagram)
    if (opened !== undefined) this.#target = opened.target
    return opened
  }
}

function sealDatagram(
  { secret, random, insertSalt }: Datagrams2017,
  address: Uint8Array,
  packet: Uint8Array,
): Uint8Array | 'too-long' {
  const { cipher, keyLength } = secret.method
  const length = keyLength + address.length + packet.length + TAG_LENGTH
  if (length > MAX_DATAGRAM_LENGTH) return 'too-long'
  const salt = randomBytes(random, keyLength)
  insertSalt(salt)
  const datagram = Buffer.allocUnsafe(length)
  datagram.set(salt)
  const key = createSecretKey(subkeyOf(secret, salt))
  sealInto({ cipher, key, nonce: ZERO_NONCE }, [address, packet], datagram, keyLength)
  return datagram
}

function openDatagram({ secret, insertSalt }: Datagrams2017, datagram: Uint8Array): AddressedPacket | undefined {
  const { cipher, keyLength } = secret.method
  if (datagram.length < keyLength + TAG_LENGTH) return undefined
  const salt = datagram.subarray(0, keyLength)
  const key = createSecretKey(subkeyOf(secret, salt))
  const opened = openBox({ cipher, key, nonce: ZERO_NONCE }, datagram.subarray(keyLength))
  if (opened === undefined || !insertSalt(salt)) return undefined
  const address = decodeSocksAddress(opened)
  if (typeof address === 'string') return undefined
  return { packet: opened.subarray(address.length), target: address.value }
}
