import type { ChildExit, PtChild, StartChild } from '../../src/host/child.ts'
import type { ProcessOwner } from './managed-process.ts'

const LIMIT_MS = 10_000

/** A child that its test has started: its lines, and how it ended. Killed when the test ends. */
export class StartedChild {
  readonly child: PtChild
  readonly out: string[] = []
  readonly err: string[] = []
  readonly exits: ChildExit[] = []
  readonly #waiting = new Set<() => void>()

  constructor(owner: ProcessOwner, start: StartChild, variables: Readonly<Record<string, string>>) {
    this.child = start(
      { variables },
      {
        onLine: (line, stream) => {
          ;(stream === 'stdout' ? this.out : this.err).push(line)
          this.#wake()
        },
        onExit: (exit) => {
          this.exits.push(exit)
          this.#wake()
        },
      },
    )
    owner.after(async () => {
      this.child.kill()
      await this.exit()
    })
  }

  /** Waits for a line of standard output that begins so; rejects when the child ends without it. */
  line(prefix: string): Promise<string> {
    return this.#until(`the line "${prefix}"`, () => this.out.find((line) => line.startsWith(prefix)))
  }

  exit(): Promise<ChildExit> {
    return this.#until('the exit', () => this.exits[0])
  }

  #wake(): void {
    for (const wake of this.#waiting) wake()
  }

  #until<Value>(what: string, ask: () => Value | undefined): Promise<Value> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#waiting.delete(look)
        clearTimeout(timer)
      }
      const fail = (why: string): void => {
        settle()
        reject(new Error(`${what}: ${why}; ${JSON.stringify([this.out, this.err])}`))
      }
      const look = (): void => {
        const value = ask()
        if (value !== undefined) {
          settle()
          resolve(value)
        } else if (this.exits.length > 0) fail('the child ended before')
      }
      const timer = setTimeout(() => fail('not in time'), LIMIT_MS)
      this.#waiting.add(look)
      look()
    })
  }
}
