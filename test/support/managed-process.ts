import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

const LINE_LIMIT_MS = 10_000

/** What a process lives as long as: a test, say. */
export interface ProcessOwner {
  after(cleanUp: () => Promise<void>): void
}

/** A child process that speaks in lines on stdout; killed when its owner ends, and its stdin closes when this process dies. */
export class ManagedProcess {
  readonly child: ChildProcess
  readonly #lines: string[] = []
  readonly #exited: Promise<void>
  #errorOutput = ''
  #ended = false
  #wake: () => void = () => {}

  constructor(owner: ProcessOwner, command: string, args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const { PATH, HOME, TMPDIR } = process.env
    this.child = spawn(command, args, { env: { PATH, HOME, TMPDIR, ...environment }, stdio: 'pipe' })
    const { stdout, stderr } = this.child
    createInterface({ input: stdout! }).on('line', (line) => {
      this.#lines.push(line)
      this.#wake()
    })
    stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.#errorOutput += text
    })
    this.child.stdin!.on('error', () => {})
    this.#exited = new Promise((resolve) => {
      this.child.once('error', (error) => {
        this.#errorOutput += error.message
        resolve()
      })
      this.child.once('close', () => resolve())
    })
    void this.#exited.then(() => {
      this.#ended = true
      this.#wake()
    })
    owner.after(() => this.kill())
  }

  /** What it wrote to stderr so far. */
  get errorOutput(): string {
    return this.#errorOutput
  }

  /** Takes lines, in order, up to and with the first that begins with `prefix`, which it returns. Rejects when the process ends before. */
  async line(prefix: string): Promise<string> {
    const deadline = Date.now() + LINE_LIMIT_MS
    for (;;) {
      for (;;) {
        const line = this.#lines.shift()
        if (line === undefined) break
        if (line.startsWith(prefix)) return line
        if (/^(?:[CS]METHOD|ENV|VERSION)-ERROR/.test(line)) throw new Error(`the process refused: ${line}`)
      }
      if (this.#ended) throw new Error(`the process ended without the line "${prefix}": ${this.#errorOutput}`)
      await this.#nextLine(prefix, deadline - Date.now())
    }
  }

  /** Sends a signal, SIGKILL by default, and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (!this.#ended) this.child.kill(signal)
    await this.#exited
  }

  async #nextLine(prefix: string, limitMs: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no line "${prefix}" came in time`)), limitMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
