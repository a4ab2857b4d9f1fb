import type { Elligator2 } from './elligator2-reference.ts'
import { instantiateWasm } from './instantiate-wasm.ts'
import { fieldWasm } from './wasm/field.ts'

/** What kernel/field.ts exports; INPUT and OUTPUT are addresses of 32 and 64 bytes. */
interface FieldExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly INPUT: { readonly value: number }
  readonly OUTPUT: { readonly value: number }
  edwardsToRepresentative(lowOrderIndex: number, tweak: number): number
  montgomeryToRepresentative(tweak: number): number
  representativeToMontgomery(): void
}

let attempt: { readonly kernel: Elligator2 | undefined } | undefined

/** Returns the field kernel, compiled at the first call and shared from then on; undefined where WebAssembly is missing or forbidden. */
export function fieldKernel(): Elligator2 | undefined {
  if (attempt === undefined) {
    const exports = instantiateWasm(fieldWasm) as FieldExports | undefined
    attempt = { kernel: exports === undefined ? undefined : bind(exports) }
  }
  return attempt.kernel
}

function bind(exports: FieldExports): Elligator2 {
  const memory = Buffer.from(exports.memory.buffer)
  const input = memory.subarray(exports.INPUT.value, exports.INPUT.value + 32)
  const output = memory.subarray(exports.OUTPUT.value, exports.OUTPUT.value + 64)

  /** Runs `call` on `bytes`, and leaves nothing of them in the kernel's memory. */
  function run<Result>(bytes: Uint8Array, call: () => Result): Result {
    if (bytes.length !== input.length) throw new RangeError('a field element has 32 bytes')
    input.set(bytes)
    try {
      return call()
    } finally {
      input.fill(0)
      output.fill(0)
    }
  }

  return {
    representativeToPublicKey: (representative) =>
      run(representative, () => {
        exports.representativeToMontgomery()
        return Buffer.from(output.subarray(0, 32))
      }),
    publicKeyToRepresentative: (publicKey, tweak) =>
      run(publicKey, () =>
        exports.montgomeryToRepresentative(tweak) === 1 ? Buffer.from(output.subarray(32)) : undefined,
      ),
    edwardsToRepresentative: (point, lowOrderIndex, tweak) =>
      run(point, () =>
        exports.edwardsToRepresentative(lowOrderIndex, tweak) === 1
          ? { publicKey: Buffer.from(output.subarray(0, 32)), representative: Buffer.from(output.subarray(32)) }
          : undefined,
      ),
  }
}
