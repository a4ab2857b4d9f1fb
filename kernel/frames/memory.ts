/** Where everything is in the frame kernel's memory. What the host reads is exported again by ../frames.ts. */

/** The state of one direction, see the offsets below. */
export const STATE: usize = 64
export const STATE_LENGTH: usize = 96
/** What the last `open` did: five u32, see the offsets below. */
export const RESULT: usize = 160
/** Payload of the last PRNG_SEED packet that `open` met. */
export const SEED: usize = 192
export const INPUT: usize = 1024
export const OUTPUT: usize = 1024 + 69632
/** Wire bytes that INPUT or OUTPUT take at most: a read of 64 KiB behind a partial frame. */
export const CAPACITY: usize = 47 * 1448
export const MEMORY_PAGES: usize = 3

// Offsets in STATE.
export const SUBKEY: usize = STATE // 32 bytes: HSalsa20(secretbox key, nonce prefix)
export const COUNTER: usize = STATE + 32 // u64: the next frame's
export const SIP: usize = STATE + 40 // 4 × u64: the running SipHash state v0..v3, never reset
export const OFB: usize = STATE + 72 // u64: the last mask block
export const SIP_LENGTH: usize = STATE + 80 // u32: bytes that SipHash has absorbed, mod 256
export const PENDING: usize = STATE + 84 // u32: length of the frame that has begun and whose length bytes are gone; 0 when none
export const SUBSTITUTE: usize = STATE + 88 // u32: the length to pretend for an invalid one

// Offsets in RESULT.
export const CONSUMED: usize = RESULT
export const PRODUCED: usize = RESULT + 4
export const STATUS: usize = RESULT + 8
export const SEED_LENGTH: usize = RESULT + 12
export const STARTED: usize = RESULT + 16

export const STATUS_OK: u32 = 0
export const STATUS_TAG_MISMATCH: u32 = 1
export const STATUS_PACKET_INVALID: u32 = 2
export const STATUS_COUNTER_EXHAUSTED: u32 = 3

// Scratch, wiped before every return.
export const SCRATCH: usize = 256
export const MATRIX: usize = SCRATCH // 16 × u32: Salsa20's input
export const BOX_KEY: usize = SCRATCH + 64 // 32 bytes: the frame's Poly1305 key, r ‖ s
export const ZERO: usize = SCRATCH + 96 // 32 bytes that stay zero
export const TAG: usize = SCRATCH + 128 // 16 bytes
export const PAD: usize = SCRATCH + 144 // 16 bytes: s, the second half of the Poly1305 key
export const R: usize = SCRATCH + 160 // 4 × u64: r in 32-bit limbs
export const WRAP: usize = SCRATCH + 192 // 4 × u64: 5/4 of r's limbs
export const H: usize = SCRATCH + 224 // 5 × u64: the accumulator in 32-bit limbs
export const SIP_FINAL: usize = SCRATCH + 264 // 4 × u64: the SipHash state that is finished
export const HEADER: usize = SCRATCH + 296 // 3 bytes of the packet that was opened
export const SCRATCH_LENGTH: usize = 300

/** Overwrites keys, key stream, MAC and SipHash state. */
export function wipe(): void {
  memory.fill(SCRATCH, 0, SCRATCH_LENGTH)
}
