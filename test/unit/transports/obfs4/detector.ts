const BIT_COUNTS = Array.from({ length: 256 }, (_, byte) => byte.toString(2).split('1').length - 1)

/**
 * Names the rules by which the published detector of fully encrypted traffic exempts a first segment; none means blocked.
 * Written from the paper (Wu et al., USENIX Security 2023, section 4), apart from the code under test and as plainly as can be.
 */
export function exemptions(segment: Uint8Array): string[] {
  let bits = 0
  let printable = 0
  let run = 0
  let longest = 0
  for (const byte of segment) {
    bits += BIT_COUNTS[byte]!
    if (byte >= 0x20 && byte <= 0x7e) {
      printable++
      run++
      if (run > longest) longest = run
    } else run = 0
  }
  const start = Buffer.from(segment.subarray(0, 6)).toString('latin1')
  const rules: string[] = []
  if (bits / segment.length <= 3.4 || bits / segment.length >= 4.6) rules.push('density')
  if (/^[\x20-\x7e]{6}$/.test(start)) rules.push('printable start')
  if (printable / segment.length > 0.5) rules.push('printable share')
  if (longest > 20) rules.push('printable run')
  if (/^(?:GET |PUT |POST |HEAD )/.test(start) || isTlsStart(segment)) rules.push('protocol')
  return rules
}

function isTlsStart([type, major, minor]: Uint8Array): boolean {
  return (type === 0x16 || type === 0x17) && major === 0x03 && minor! <= 0x09
}
