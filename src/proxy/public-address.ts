import { encodeIpAddress, IPV4_LENGTH } from '../wire/ip-address.ts'

type Prefix = readonly [bytes: readonly number[], bitCount: number]

/** IPv4 that is of one host, one network, a group, a document or the future (the IANA registry of special purposes). */
const SPECIAL_IPV4: readonly Prefix[] = [
  [[0], 8],
  [[10], 8],
  [[100, 64], 10],
  [[127], 8],
  [[169, 254], 16],
  [[172, 16], 12],
  [[192, 0, 0], 24],
  [[192, 0, 2], 24],
  [[192, 88, 99], 24],
  [[192, 168], 16],
  [[198, 18], 15],
  [[198, 51, 100], 24],
  [[203, 0, 113], 24],
  [[224], 3],
]
const GLOBAL_IPV6: Prefix = [[0x20], 3]
/** Parts of that which are not: protocol assignments with Teredo and ORCHID, documents. */
const SPECIAL_IPV6: readonly Prefix[] = [
  [[0x20, 0x01], 23],
  [[0x20, 0x01, 0x0d, 0xb8], 32],
  [[0x3f, 0xff], 20],
]
/** Prefixes of IPv6 that an IPv4 address follows, and where: 6to4, and the well-known prefix of NAT64. */
const EMBEDDING_IPV6: readonly (readonly [prefix: Prefix, at: number])[] = [
  [[[0x20, 0x02], 16], 2],
  [[[0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0], 96], 12],
]

/**
 * Says whether an IP address is of the public Internet: not private, loopback, link-local, shared, multicast, unspecified or reserved, nor IPv6 that leads to such an IPv4
 * address. IPv4 in IPv6 (::ffff:0:0/96 and the older ::/96) is refused as it is.
 */
export function isPublicAddress(address: string): boolean {
  const bytes = encodeIpAddress(address)
  if (bytes === undefined) return false
  if (bytes.length === IPV4_LENGTH) return isPublicIpv4(bytes)
  const embedding = EMBEDDING_IPV6.find(([prefix]) => hasPrefix(bytes, prefix))
  if (embedding !== undefined) return isPublicIpv4(bytes.subarray(embedding[1], embedding[1] + IPV4_LENGTH))
  return hasPrefix(bytes, GLOBAL_IPV6) && !SPECIAL_IPV6.some((prefix) => hasPrefix(bytes, prefix))
}

function isPublicIpv4(bytes: Uint8Array): boolean {
  return !SPECIAL_IPV4.some((prefix) => hasPrefix(bytes, prefix))
}

function hasPrefix(address: Uint8Array, [bytes, bitCount]: Prefix): boolean {
  for (let bit = 0; bit < bitCount; bit += 8) {
    const mask = bitCount - bit >= 8 ? 0xff : (0xff << (8 - (bitCount - bit))) & 0xff
    if (((address[bit / 8]! ^ (bytes[bit / 8] ?? 0)) & mask) !== 0) return false
  }
  return true
}
