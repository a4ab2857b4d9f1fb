/**
 * The frame kernel: seals and opens obfs4's frames (XSalsa20-Poly1305 boxes behind a masked length; src/transports/obfs4/README.md, "Frames"), a whole socket read per call.
 *
 * One instance serves every connection. The host copies a direction's state to STATE, bytes to INPUT, calls seal, sealPacket or open, copies
 * OUTPUT and STATE back, and wipes STATE; everything else that is secret is wiped here before a call returns.
 *
 * No branch and no address depends on key, key stream or tag; lengths and packet types do decide branches, as they decide what the peer and the
 * application see.
 */

import {
  BOX_KEY,
  CONSUMED,
  COUNTER,
  HEADER,
  INPUT,
  OUTPUT,
  PENDING,
  PRODUCED,
  SEED,
  SEED_LENGTH,
  STARTED,
  STATE,
  STATUS,
  STATUS_COUNTER_EXHAUSTED,
  STATUS_OK,
  STATUS_PACKET_INVALID,
  STATUS_TAG_MISMATCH,
  SUBSTITUTE,
  TAG,
  wipe,
} from './frames/memory'
import { nextMask, startMasks } from './frames/masks'
import { endMac, startMac } from './frames/poly1305'
import { cryptFrame, startMatrix } from './frames/secretbox'

export { CAPACITY, INPUT, MEMORY_PAGES, OUTPUT, RESULT, SEED, STATE } from './frames/memory'

// Lengths in bytes.

const LENGTH_LENGTH: i32 = 2
const TAG_LENGTH: i32 = 16
const HEADER_LENGTH: i32 = 3
const MAX_PAYLOAD: i32 = 1427
const MIN_FRAME: i32 = TAG_LENGTH
const MAX_FRAME: i32 = TAG_LENGTH + HEADER_LENGTH + MAX_PAYLOAD
const TYPE_PAYLOAD: u32 = 0
const TYPE_SEED: u32 = 1
const SEED_PAYLOAD: i32 = 24

/**
 * Makes a direction's first state of the 56 bytes that the host has put at STATE: subkey (32) ‖ SipHash key (16) ‖ SipHash IV (8),
 * and of the length to pretend for an invalid one. The first frame's counter is 1.
 */
export function initialize(substitute: u32): void {
  const k0 = load<u64>(STATE, 32), k1 = load<u64>(STATE, 40), iv = load<u64>(STATE, 48)
  store<u64>(COUNTER, 1)
  startMasks(k0, k1, iv)
  store<u32>(PENDING, 0)
  store<u32>(SUBSTITUTE, substitute)
}

/**
 * Seals the `length` payload bytes at INPUT into frames at OUTPUT + `at`, none but the last with less than 1,427 of them, and wipes INPUT.
 * Returns the offset in OUTPUT behind them, or -1 when the counter would wrap.
 */
export function seal(length: i32, at: i32): i32 {
  startMatrix()
  let from = INPUT
  let to = OUTPUT + at
  let left = length
  while (left > 0) {
    const payload = min(left, MAX_PAYLOAD)
    if (!sealFrame(TYPE_PAYLOAD, payload, HEADER_LENGTH + payload, from, to)) {
      at = -1
      break
    }
    from += payload
    left -= payload
    to += LENGTH_LENGTH + TAG_LENGTH + HEADER_LENGTH + payload
  }
  endMac()
  memory.fill(INPUT - HEADER_LENGTH, 0, HEADER_LENGTH + length)
  wipe()
  return at < 0 ? at : ((to - OUTPUT) as i32)
}

/** Seals one packet of the `payload` bytes at INPUT and `padding` zeros, as `seal` does. */
export function sealPacket(type: u32, payload: i32, padding: i32, at: i32): i32 {
  const length = HEADER_LENGTH + payload + padding
  startMatrix()
  memory.fill(INPUT + payload, 0, padding)
  const sealed = sealFrame(type, payload, length, INPUT, OUTPUT + at)
  endMac()
  memory.fill(INPUT - HEADER_LENGTH, 0, HEADER_LENGTH + payload)
  wipe()
  return sealed ? at + LENGTH_LENGTH + TAG_LENGTH + length : -1
}

/** Seals the packet whose payload and padding are at `from`; its header overwrites the three bytes before, which are used up already. */
function sealFrame(type: u32, payload: i32, length: i32, from: usize, to: usize): bool {
  const counter = load<u64>(COUNTER)
  if (counter === 0) return false
  store<u64>(COUNTER, counter + 1)
  const packet = from - HEADER_LENGTH
  store<u8>(packet, type)
  store<u16>(packet, bswap<u16>(payload as u16), 1)
  const tag = to + LENGTH_LENGTH
  const cipher = tag + TAG_LENGTH
  cryptFrame(counter, packet, cipher, cipher, length, tag)
  store<u16>(to, bswap<u16>(((TAG_LENGTH + length) ^ nextMask()) as u16))
  return true
}

/**
 * Opens all whole frames among the `length` bytes at INPUT and puts their payloads at OUTPUT. RESULT then has the bytes consumed and produced, the
 * status, 24 when SEED has a PRNG_SEED payload, and the length of the frame that has begun (0: none). Length bytes are consumed as soon as both are there; a frame only whole.
 */
export function open(length: i32): void {
  startMatrix()
  store<u32>(SEED_LENGTH, 0)
  let from = INPUT
  let to = OUTPUT
  let status = STATUS_OK
  const end = INPUT + length
  for (;;) {
    let frame = load<u32>(PENDING)
    if (frame === 0) {
      if ((end - from) < (LENGTH_LENGTH as usize)) break
      frame = unmaskLength(from)
      store<u32>(PENDING, frame)
      from += LENGTH_LENGTH
    }
    if (end - from < frame) break
    status = openFrame(from, to, frame as i32)
    if (status !== STATUS_OK) break
    to += deliver(to)
    from += frame
    store<u32>(PENDING, 0)
  }
  store<u32>(CONSUMED, (from - INPUT) as u32)
  store<u32>(PRODUCED, (to - OUTPUT) as u32)
  store<u32>(STATUS, status)
  store<u32>(STARTED, load<u32>(PENDING))
  wipe()
}

/** Reads a frame's length. An invalid one becomes another that the tag check will refuse, so that nobody sees which was wrong. */
@inline function unmaskLength(at: usize): u32 {
  const length = (bswap<u16>(load<u16>(at)) as u32) ^ nextMask()
  return length < (MIN_FRAME as u32) || length > (MAX_FRAME as u32) ? load<u32>(SUBSTITUTE) : length
}

/** Opens the frame at `from` so that its packet's payload is at `to`, keeping what is before `to`, and checks it. */
@inline function openFrame(from: usize, to: usize, frame: i32): u32 {
  const counter = load<u64>(COUNTER)
  if (counter === 0) return STATUS_COUNTER_EXHAUSTED
  store<u64>(COUNTER, counter + 1)
  const length = frame - TAG_LENGTH
  const cipher = from + TAG_LENGTH
  // The packet's header lands on the last bytes of the payload before.
  const before = load<u32>(to - 4)
  cryptFrame(counter, cipher, to - HEADER_LENGTH, cipher, length, TAG)
  endMac()
  store<u32>(HEADER, load<u32>(to - 4) >> 8)
  store<u32>(to - 4, before)
  if ((load<u64>(TAG) ^ load<u64>(from)) | (load<u64>(TAG, 8) ^ load<u64>(from, 8))) return STATUS_TAG_MISMATCH
  if (length < HEADER_LENGTH || HEADER_LENGTH + headerPayload() > length) return STATUS_PACKET_INVALID
  return STATUS_OK
}

@inline function headerPayload(): i32 {
  return bswap<u16>(load<u16>(HEADER, 1)) as i32
}

/** Sorts the open packet at `to` by its type and returns how many bytes of it the application gets. */
@inline function deliver(to: usize): usize {
  const type = load<u8>(HEADER) as u32
  const payload = headerPayload()
  if (type === TYPE_PAYLOAD) return payload
  if (type === TYPE_SEED && payload === SEED_PAYLOAD) {
    v128.store(SEED, v128.load(to))
    store<u64>(SEED, load<u64>(to, 16), 16)
    store<u32>(SEED_LENGTH, SEED_PAYLOAD)
  }
  return 0
}

/** Computes the Poly1305 tag of `length` bytes at INPUT under the key (32 bytes) at STATE, into OUTPUT: for tests with chosen keys. */
export function authenticate(length: i32): void {
  v128.store(BOX_KEY, v128.load(STATE), 0)
  v128.store(BOX_KEY, v128.load(STATE, 16), 16)
  startMac(INPUT, length, OUTPUT)
  endMac()
  wipe()
}
