export const IPV4_LENGTH = 4
export const IPV6_LENGTH = 16
const GROUP_COUNT = 8
const DECIMAL_BYTE = /^(?:0|[1-9]\d{0,2})$/
const HEX_GROUP = /^[\da-f]{1,4}$/i

/** Encodes an IPv4 or IPv6 address (no brackets, no zone) in network order: 4 or 16 bytes; undefined when it is neither. */
export function encodeIpAddress(text: string): Buffer | undefined {
  const bytes = text.includes(':') ? parseIpv6(text) : parseIpv4(text)
  return bytes === undefined ? undefined : Buffer.from(bytes)
}

/** Decodes 4 or 16 bytes to an address as text, IPv6 in the form of RFC 5952. Throws RangeError for another length. */
export function decodeIpAddress(bytes: Uint8Array): string {
  if (bytes.length === IPV4_LENGTH) return bytes.join('.')
  if (bytes.length === IPV6_LENGTH) return formatIpv6(bytes)
  throw new RangeError(`an IP address has 4 or 16 bytes, not ${bytes.length}`)
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split('.')
  const isAddress =
    parts.length === IPV4_LENGTH && parts.every((part) => DECIMAL_BYTE.test(part) && Number(part) <= 255)
  return isAddress ? parts.map(Number) : undefined
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0]!, halves.length === 1)
  if (halves.length === 1) return head?.length === IPV6_LENGTH ? head : undefined
  const tail = parseGroups(halves[1]!, true)
  if (head === undefined || tail === undefined) return undefined
  const zeros = IPV6_LENGTH - head.length - tail.length
  return zeros < 2 ? undefined : [...head, ...Array.from({ length: zeros }, () => 0), ...tail]
}

/** Parses groups joined by single colons; the last may be an IPv4 address where the text ends the whole. */
function parseGroups(text: string, isLast: boolean): number[] | undefined {
  if (text === '') return []
  const groups = text.split(':')
  const bytes: number[] = []
  for (const [index, group] of groups.entries()) {
    const ipv4 = isLast && index === groups.length - 1 ? parseIpv4(group) : undefined
    if (ipv4 !== undefined) bytes.push(...ipv4)
    else if (HEX_GROUP.test(group)) bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff)
    else return undefined
  }
  return bytes
}

function formatIpv6(bytes: Uint8Array): string {
  const groups = Array.from({ length: GROUP_COUNT }, (_, index) => (bytes[2 * index]! << 8) | bytes[2 * index + 1]!)
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff
  if (isMapped) return `::ffff:${bytes.slice(12).join('.')}`
  const run = longestZeroRun(groups)
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  if (run.length < 2) return hex(groups)
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}`
}

function longestZeroRun(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let longest = { start: 0, length: 0 }
  let start = 0
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1
    else if (index + 1 - start > longest.length) longest = { start, length: index + 1 - start }
  }
  return longest
}
