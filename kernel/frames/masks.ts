import { OFB, SIP, SIP_FINAL, SIP_LENGTH } from './memory'

/** The length masks: SipHash-2-4 that is fed its own output and never reset. */

/** Runs SipRounds on the state of four words at `at`. */
function sipRounds(at: usize, count: i32): void {
  let v0 = load<u64>(at, 0), v1 = load<u64>(at, 8), v2 = load<u64>(at, 16), v3 = load<u64>(at, 24)
  for (let i = 0; i < count; i++) {
    v0 += v1; v1 = rotl<u64>(v1, 13) ^ v0; v0 = rotl<u64>(v0, 32)
    v2 += v3; v3 = rotl<u64>(v3, 16) ^ v2
    v0 += v3; v3 = rotl<u64>(v3, 21) ^ v0
    v2 += v1; v1 = rotl<u64>(v1, 17) ^ v2; v2 = rotl<u64>(v2, 32)
  }
  store<u64>(at, v0, 0)
  store<u64>(at, v1, 8)
  store<u64>(at, v2, 16)
  store<u64>(at, v3, 24)
}

/** Compresses one word into the state at `at`. */
function sipCompress(at: usize, message: u64): void {
  store<u64>(at, load<u64>(at, 24) ^ message, 24)
  sipRounds(at, 2)
  store<u64>(at, load<u64>(at) ^ message)
}

/** Makes the next mask block and returns its first two bytes as a big-endian number. */
export function nextMask(): u32 {
  sipCompress(SIP, load<u64>(OFB))
  const absorbed = (load<u32>(SIP_LENGTH) + 8) & 0xff
  store<u32>(SIP_LENGTH, absorbed)
  // Only a copy is finished: the running state goes on.
  v128.store(SIP_FINAL, v128.load(SIP), 0)
  v128.store(SIP_FINAL, v128.load(SIP, 16), 16)
  sipCompress(SIP_FINAL, (absorbed as u64) << 56)
  store<u64>(SIP_FINAL, load<u64>(SIP_FINAL, 16) ^ 0xff, 16)
  sipRounds(SIP_FINAL, 4)
  const block = load<u64>(SIP_FINAL, 0) ^ load<u64>(SIP_FINAL, 8) ^ load<u64>(SIP_FINAL, 16) ^ load<u64>(SIP_FINAL, 24)
  store<u64>(OFB, block)
  return bswap<u16>(block as u16) as u32
}

/** Starts the masks from a key of two words and the first block. */
export function startMasks(k0: u64, k1: u64, iv: u64): void {
  store<u64>(SIP, k0 ^ 0x736f6d6570736575, 0)
  store<u64>(SIP, k1 ^ 0x646f72616e646f6d, 8)
  store<u64>(SIP, k0 ^ 0x6c7967656e657261, 16)
  store<u64>(SIP, k1 ^ 0x7465646279746573, 24)
  store<u64>(OFB, iv)
  store<u32>(SIP_LENGTH, 0)
}
