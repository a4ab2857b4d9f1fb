import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { promisify } from 'node:util'
import { poll } from './poll.ts'

export const run = promisify(execFile)

const LAST_LINE_COUNT = 30

/** A tor of a test, in a data directory of its own; it ends with the test, and with this process. */
export class TorProcess {
  readonly directory: string
  readonly #child: ChildProcess
  readonly #exited: Promise<void>
  readonly #lines: string[] = []
  #ended = false
  #onLine: () => void = () => {}

  private constructor(directory: string, child: ChildProcess) {
    this.directory = directory
    this.#child = child
    createInterface({ input: child.stdout! }).on('line', (line) => {
      this.#lines.push(line)
      this.#onLine()
    })
    this.#exited = new Promise((resolve) => {
      child.once('error', () => resolve())
      child.once('close', () => resolve())
    })
    void this.#exited.then(() => {
      this.#ended = true
      this.#onLine()
    })
  }

  /** Starts tor with the lines of a configuration; its notices go to stdout. */
  static async start(test: TestContext, directory: string, configuration: readonly string[]): Promise<TorProcess> {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const path = join(directory, 'torrc')
    const lines = [
      `DataDirectory ${directory}`,
      'Log notice stdout',
      'RunAsDaemon 0',
      `__OwningControllerProcess ${process.pid}`,
      `ControlPortWriteToFile ${join(directory, 'control-port')}`,
      ...configuration,
    ]
    await writeFile(path, `${lines.join('\n')}\n`)
    const child = spawn('tor', ['-f', path, '--defaults-torrc', '/dev/null'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const tor = new TorProcess(directory, child)
    test.after(() => tor.stop())
    return tor
  }

  /** What it logged so far. */
  get lines(): readonly string[] {
    return this.#lines
  }

  /** The processes it launched, by id. */
  async childIds(): Promise<readonly number[]> {
    const { pid } = this.#child
    const ids = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return ids.trim().split(/\s+/).filter(Boolean).map(Number)
  }

  /** Waits for a notice, past ones included. Rejects with the last lines when the process ends or the time is over. */
  async notice(pattern: RegExp, limitMs: number): Promise<string> {
    let seen = 0
    const timeout = AbortSignal.timeout(limitMs)
    const onTimeout = (): void => this.#onLine()
    timeout.addEventListener('abort', onTimeout)
    try {
      for (;;) {
        while (seen < this.#lines.length) {
          const line = this.#lines[seen++]!
          if (pattern.test(line)) return line
        }
        if (this.#ended || timeout.aborted) {
          const reason = this.#ended ? 'tor ended' : `no line within ${limitMs} ms`
          throw new Error(`${pattern}: ${reason}\n${this.#lines.slice(-LAST_LINE_COUNT).join('\n')}`)
        }
        await new Promise<void>((resolve) => {
          this.#onLine = resolve
        })
      }
    } finally {
      timeout.removeEventListener('abort', onTimeout)
    }
  }

  /** Asks the control port for one value, whose lines it returns. */
  async info(key: string): Promise<string> {
    const port = await poll('control port', 5_000, () => this.#controlPort())
    const socket = connect({ host: '127.0.0.1', port }).setEncoding('utf8')
    socket.end(`AUTHENTICATE\r\nGETINFO ${key}\r\nQUIT\r\n`)
    let answer = ''
    for await (const text of socket) answer += String(text)
    const match = /^250 OK\r\n(?:250-[^=]*=|250\+[^=]*=\r\n)(.*?)\r\n(?:\.\r\n)?250 OK/s.exec(answer)
    if (match === null) throw new Error(`the control port answered ${JSON.stringify(answer)}`)
    return match[1]!
  }

  /** Ends it, and waits for the end; it tells the transports it launched to end, too. */
  async stop(): Promise<void> {
    if (!this.#ended) this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3_000)
    await this.#exited
    clearTimeout(timer)
  }

  async #controlPort(): Promise<number | undefined> {
    try {
      const text = await readFile(join(this.directory, 'control-port'), 'utf8')
      return Number(/^PORT=.*:(\d+)$/m.exec(text)![1])
    } catch {
      return undefined
    }
  }
}
