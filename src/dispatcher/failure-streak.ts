import type { Logger } from '../core/transport.ts'

/** Tells failures of one kind: the first after a success as a warning, those that follow it for debugging alone, lest they fill a log. */
export class FailureStreak {
  readonly #event: string
  readonly #logger: Logger
  #isOn = false

  constructor(event: string, logger: Logger) {
    this.#event = event
    this.#logger = logger
  }

  failed(fields: object): void {
    if (this.#isOn) this.#logger.debug?.(this.#event, fields)
    else this.#logger.warn?.(this.#event, fields)
    this.#isOn = true
  }

  succeeded(): void {
    this.#isOn = false
  }
}
