import type { Codec, Outcome, Step } from '../../src/core/codec.ts'
import { NOTHING } from '../../src/core/codec.ts'

/** What a scripted codec answers; what is left out answers as the identity transport, established by its first byte. */
export type Script = Partial<Codec>

/** A codec that does what a test tells it, and writes down what it was told. */
export class ScriptedCodec implements Codec {
  /** Every call in its order: `receive 'abc'`, `finish`, and so on. */
  readonly calls: string[] = []
  readonly end?: () => Step
  readonly wake?: () => Step
  readonly settle?: (outcome: Outcome) => Step
  readonly #script: Script

  constructor(script: Script = {}) {
    this.#script = script
    const { end, wake, settle } = script
    if (end !== undefined) this.end = () => this.#told('end', end())
    if (wake !== undefined) this.wake = () => this.#told('wake', wake())
    if (settle !== undefined) {
      this.settle = (outcome) => {
        const name = `settle ${outcome.ok ? `with ${String(outcome.value)}` : `but ${String(outcome.error)}`}`
        return this.#told(name, settle(outcome))
      }
    }
  }

  start(): Step {
    return this.#told('start', this.#script.start?.() ?? { established: true })
  }

  receive(bytes: Uint8Array): Step {
    const name = `receive '${Buffer.from(bytes).toString('latin1')}'`
    return this.#told(name, this.#script.receive?.(bytes) ?? { data: Buffer.from(bytes) })
  }

  send(chunks: readonly Uint8Array[]): Step {
    const bytes = Buffer.concat(chunks)
    return this.#told(`send '${bytes.toString('latin1')}'`, this.#script.send?.(chunks) ?? { wire: [{ bytes }] })
  }

  finish(): Step {
    return this.#told('finish', this.#script.finish?.() ?? NOTHING)
  }

  #told(name: string, step: Step): Step {
    this.calls.push(name)
    return step
  }
}
