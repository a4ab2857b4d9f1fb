import { instantiateWasm } from './instantiate-wasm.ts'
import { framesWasm } from './wasm/frames.ts'

/**
 * The frame kernel (kernel/frames.ts), instantiated: obfs4's frames sealed and opened in WebAssembly SIMD.
 *
 * There is one instance with one memory for all directions of all connections. Each use is: copy the direction's state to `state`, bytes to
 * `memory` at `input`, call, copy results from `memory` at `output` and the state back, and `state.fill(0)`; all in one turn.
 */
export interface FrameKernel {
  /** All of the kernel's memory, which never grows. */
  readonly memory: Uint8Array
  /** The part of `memory` where a direction's state goes, of FRAME_STATE_LENGTH bytes. */
  readonly state: Uint8Array
  /** The part where PRNG_SEED payloads arrive, 24 bytes. */
  readonly seed: Uint8Array
  /** Offset of the bytes to seal or open. */
  readonly input: number
  /** Offset of the results. */
  readonly output: number
  /** Wire bytes that fit in the input or the output, a multiple of 1,448. */
  readonly capacity: number
  /** Makes the first state of subkey (32) ‖ SipHash key (16) ‖ SipHash IV (8) in `state`, and the length to pretend for an invalid one. */
  readonly initialize: (substitute: number) => void
  /** Seals `length` payload bytes into frames at `output + at`, wipes them, and returns the offset behind, or -1 when the counter is exhausted. */
  readonly seal: (length: number, at: number) => number
  /** Seals one packet of `payload` bytes and `padding` zeros, together at most 1,427, in the same way. */
  readonly sealPacket: (type: number, payload: number, padding: number, at: number) => number
  /** Opens all whole frames of `length` bytes; the result getters tell the rest. Payloads stay at `output` until the host wipes them. */
  readonly open: (length: number) => void
  /** Copies `length` bytes at `output` into a new buffer owned by the caller. */
  copyOutput(length: number): Buffer
  /** Puts the Poly1305 tag (16 bytes) of `length` input bytes under the key (32 bytes) in `state` at `output`: for tests with chosen keys. */
  readonly authenticate: (length: number) => void
  /** Input bytes that `open` used up; a frame's two length bytes as soon as both are there. */
  readonly consumed: number
  /** Payload bytes that `open` put at `output`. */
  readonly produced: number
  /** How `open` ended. */
  readonly status: number
  /** Whether `open` met a PRNG_SEED packet with 24 bytes. */
  readonly hasSeed: boolean
  /** Length of the frame that has begun, 16 to 1,446, after its two length bytes; 0 when none has. */
  readonly begun: number
}

/** Bytes of a direction's state. */
export const FRAME_STATE_LENGTH = 96
/** Where in the state the next frame's counter is: 8 bytes little-endian. */
export const FRAME_STATE_COUNTER_OFFSET = 32
/** Values of `status`; 0 is success. */
export const FRAME_STATUS_TAG_MISMATCH = 1
export const FRAME_STATUS_PACKET_INVALID = 2
export const FRAME_STATUS_COUNTER_EXHAUSTED = 3

interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number }
  readonly STATE: { readonly value: number }
  readonly RESULT: { readonly value: number }
  readonly SEED: { readonly value: number }
  readonly INPUT: { readonly value: number }
  readonly OUTPUT: { readonly value: number }
  readonly CAPACITY: { readonly value: number }
  readonly MEMORY_PAGES: { readonly value: number }
  readonly initialize: (substitute: number) => void
  readonly seal: (length: number, at: number) => number
  readonly sealPacket: (type: number, payload: number, padding: number, at: number) => number
  readonly open: (length: number) => void
  readonly authenticate: (length: number) => void
}

const PAGE_LENGTH = 65_536
const SEED_LENGTH = 24

class WasmFrameKernel implements FrameKernel {
  readonly memory: Uint8Array
  readonly state: Uint8Array
  readonly seed: Uint8Array
  readonly input: number
  readonly output: number
  readonly capacity: number
  readonly initialize: KernelExports['initialize']
  readonly seal: KernelExports['seal']
  readonly sealPacket: KernelExports['sealPacket']
  readonly open: KernelExports['open']
  readonly authenticate: KernelExports['authenticate']
  readonly #results: DataView

  constructor(wasm: KernelExports) {
    wasm.memory.grow(Math.max(0, wasm.MEMORY_PAGES.value - wasm.memory.buffer.byteLength / PAGE_LENGTH))
    const { buffer } = wasm.memory
    this.memory = new Uint8Array(buffer)
    this.state = new Uint8Array(buffer, wasm.STATE.value, FRAME_STATE_LENGTH)
    this.seed = new Uint8Array(buffer, wasm.SEED.value, SEED_LENGTH)
    this.#results = new DataView(buffer, wasm.RESULT.value, 20)
    this.input = wasm.INPUT.value
    this.output = wasm.OUTPUT.value
    this.capacity = wasm.CAPACITY.value
    this.initialize = wasm.initialize
    this.seal = wasm.seal
    this.sealPacket = wasm.sealPacket
    this.open = wasm.open
    this.authenticate = wasm.authenticate
  }

  copyOutput(length: number): Buffer {
    const end = this.output + length
    // Memory that V8 allocates itself arrives a quarter faster than Buffer.allocUnsafe's, but small pieces of Node's pool beat both.
    if (length > Buffer.poolSize >>> 1) return Buffer.from(this.memory.slice(this.output, end).buffer)
    const copy = Buffer.allocUnsafe(length)
    copy.set(this.memory.subarray(this.output, end))
    return copy
  }

  get consumed(): number {
    return this.#results.getUint32(0, true)
  }

  get produced(): number {
    return this.#results.getUint32(4, true)
  }

  get status(): number {
    return this.#results.getUint32(8, true)
  }

  get hasSeed(): boolean {
    return this.#results.getUint32(12, true) !== 0
  }

  get begun(): number {
    return this.#results.getUint32(16, true)
  }
}

let shared: FrameKernel | undefined
let tried = false

/** Returns the process's frame kernel, instantiated at the first call, or undefined where WebAssembly SIMD is missing. */
export function frameKernel(): FrameKernel | undefined {
  if (!tried) {
    tried = true
    const wasm = instantiateWasm(framesWasm) as KernelExports | undefined
    if (wasm !== undefined) shared = new WasmFrameKernel(wasm)
  }
  return shared
}
