import type { ChildExit, ChildHandlers, ChildSetup, PtChild, StartChild } from '../../src/host/child.ts'

/** A child that says what a test makes it say, and notes what its host does to it. */
export class FakeChild implements PtChild {
  readonly pid: number
  readonly setup: ChildSetup
  /** What the host did, in order. */
  readonly steps: ('input' | 'terminate' | 'kill')[] = []
  /** The steps at which it exits. */
  readonly obeys = new Set<'input' | 'terminate' | 'kill'>(['input', 'terminate', 'kill'])
  /** Whether its host's program is to live for its sake. */
  isReferenced = true
  readonly #handlers: ChildHandlers
  #exited = false

  constructor(pid: number, setup: ChildSetup, handlers: ChildHandlers) {
    this.pid = pid
    this.setup = setup
    this.#handlers = handlers
  }

  /** Writes lines to its standard output. */
  say(...lines: readonly string[]): void {
    for (const line of lines) this.#handlers.onLine(line, 'stdout')
  }

  /** Writes lines to its standard error. */
  complain(...lines: readonly string[]): void {
    for (const line of lines) this.#handlers.onLine(line, 'stderr')
  }

  exit(exit: ChildExit = { code: 0, signal: null }): void {
    if (this.#exited) return
    this.#exited = true
    this.#handlers.onExit(exit)
  }

  /** Dies; its pipes are still open. */
  die(exit: ChildExit = { code: null, signal: 'SIGKILL' }): void {
    this.#handlers.onDeath?.(exit)
  }

  closeInput(): void {
    this.#step('input')
  }

  terminate(): void {
    this.#step('terminate')
  }

  kill(): void {
    this.#step('kill')
  }

  setRef(ref: boolean): void {
    this.isReferenced = ref
  }

  #step(step: 'input' | 'terminate' | 'kill'): void {
    if (this.#exited) return
    this.steps.push(step)
    if (this.obeys.has(step)) queueMicrotask(() => this.exit())
  }
}

/** Children in the order of their starts. */
export class FakeChildren {
  readonly all: FakeChild[] = []

  /** A test may put another in its place. */
  start: StartChild = (setup, handlers) => {
    const child = new FakeChild(1_000 + this.all.length, setup, handlers)
    this.all.push(child)
    return child
  }

  /** The one that was started last. */
  get last(): FakeChild {
    const child = this.all.at(-1)
    if (child === undefined) throw new Error('no child was started')
    return child
  }
}
