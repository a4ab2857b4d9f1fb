import assert from 'node:assert/strict'
import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type LockName, acquireProcessLock, releaseLock, watchLocks } from '../../../src/platform/process-lock.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const holderPath = fileURLToPath(new URL('lock-holder.ts', import.meta.url))
const linuxOnly = { skip: process.platform === 'linux' ? false : 'needs /proc' }

/** A child process that tries to take the lock once it is told to. */
class Contender {
  readonly child: ChildProcessByStdio<Writable, Readable, null>
  readonly #lines: AsyncIterator<string>

  constructor(context: TestContext, path: string) {
    this.child = spawn(process.execPath, ['--import', 'tsx', holderPath, path], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#lines = createInterface(this.child.stdout)[Symbol.asyncIterator]()
    context.after(() => this.child.kill('SIGKILL'))
  }

  async ready(): Promise<this> {
    assert.equal(await this.#line(), 'ready')
    return this
  }

  /** Resolves with 'held', or the error's message. */
  async acquire(): Promise<string> {
    this.child.stdin.write('\n')
    return this.#line()
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await once(this.child, 'exit')
  }

  async release(): Promise<void> {
    this.child.stdin.end()
    await once(this.child, 'exit')
  }

  async #line(): Promise<string> {
    return String((await this.#lines.next()).value)
  }
}

async function statusMatches(pid: number, pattern: RegExp): Promise<void> {
  while (!pattern.test(await readFile(`/proc/${pid}/stat`, 'latin1'))) await new Promise(setImmediate)
}

/** The line of a lock whose holder is dead: its PID is ours, as in a container that starts anew. */
async function staleLine(token = '0123456789abcdef'): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'latin1').catch(() => '\n')
  return `pid=${process.pid} started=1 boot=${boot.trim()} token=${token}\n`
}

test('is a file of mode 0600 that tells the pid, and is gone after release', async (context) => {
  const directory = await temporaryDirectory(context)
  const path = join(directory, 'lock')
  const lock = await acquireProcessLock(path)
  assert.equal((await stat(path)).mode & 0o777, 0o600)
  assert.match(await readFile(path, 'latin1'), new RegExp(`^pid=${process.pid} `))
  assert.deepEqual(await readdir(directory), ['lock'])
  await lock.release()
  assert.deepEqual(await readdir(directory), [])
  await (await acquireProcessLock(path)).release()
})

test('refuses a second holder in this process, with a sentence that names file and pid', async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  const lock = await acquireProcessLock(path)
  await assert.rejects(acquireProcessLock(path), {
    code: 'PT_STATE_LOCKED',
    message: `The state is in use: the lock ${path} is held by this process, pid ${process.pid}`,
  })
  await lock.release()
})

test('refuses a second process, and is taken over at once after kill -9', async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  const holder = await new Contender(context, path).ready()
  assert.equal(await holder.acquire(), 'held')
  await assert.rejects(acquireProcessLock(path), {
    code: 'PT_STATE_LOCKED',
    message: `The state is in use: the lock ${path} is held by another process, pid ${holder.child.pid}`,
  })
  await holder.kill()
  const lock = await acquireProcessLock(path)
  const late = await new Contender(context, path).ready()
  assert.match(await late.acquire(), new RegExp(`held by another process, pid ${process.pid}$`))
  await lock.release()
})

test('is free after a process has released it', async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  const holder = await new Contender(context, path).ready()
  assert.equal(await holder.acquire(), 'held')
  await holder.release()
  await (await acquireProcessLock(path)).release()
})

test('tells a pid used again from its first owner', linuxOnly, async (context) => {
  const directory = await temporaryDirectory(context)
  const path = join(directory, 'lock')
  await writeFile(path, await staleLine())
  const lock = await acquireProcessLock(path)
  assert.deepEqual(await readdir(directory), ['lock'])
  await lock.release()
})

test('takes over the lock of an earlier boot', linuxOnly, async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  const lock = await acquireProcessLock(path)
  const text = await readFile(path, 'latin1')
  await writeFile(path, text.replace(/boot=\S+/, 'boot=00000000-0000-0000-0000-000000000000'))
  await (await acquireProcessLock(path)).release()
  await lock.release()
})

test('takes a zombie for dead', linuxOnly, async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  // The shell becomes a sleep, which reaps nobody; its child ends with its input, and stays a zombie.
  const program = 'exec 3<&0; cat <&3 & echo $!; exec sleep 60'
  const parent = spawn('/bin/sh', ['-c', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  context.after(() => parent.kill('SIGKILL'))
  const pid = Number(String((await once(parent.stdout, 'data'))[0]))
  await statusMatches(parent.pid!, /\(sleep\)/)
  parent.stdin.end()
  await statusMatches(pid, /\) Z /)
  await writeFile(path, `pid=${pid} started= boot= token=0123456789abcdef\n`)
  await (await acquireProcessLock(path)).release()
})

test('goes by the pid alone where the holder had no start time', async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  await writeFile(path, `pid=${process.ppid} started= boot= token=0123456789abcdef\n`)
  await assert.rejects(acquireProcessLock(path), { code: 'PT_STATE_LOCKED' })
  // Above the largest PID that Linux, macOS or the BSDs give.
  await writeFile(path, 'pid=2147483646 started= boot= token=0123456789abcdef\n')
  await (await acquireProcessLock(path)).release()
})

test('refuses a lock that it cannot read, and says what to do', async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  await writeFile(path, 'what is this?')
  await assert.rejects(acquireProcessLock(path), { code: 'PT_STATE_LOCKED', message: /cannot be read; remove it if/ })
  assert.equal(await readFile(path, 'latin1'), 'what is this?')
})

test('leaves a lock alone that is no longer its own', async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  const lock = await acquireProcessLock(path)
  await writeFile(path, await staleLine())
  await lock.release()
  assert.equal(await readFile(path, 'latin1'), await staleLine())
})

test('tells of a lock before it is taken, and lets go of it by what it told', async (context) => {
  const path = join(await temporaryDirectory(context), 'lock')
  const told: LockName[] = []
  watchLocks((lock) => told.push(lock))
  context.after(() => watchLocks(() => {}))
  await acquireProcessLock(path)
  assert.deepEqual(
    told.map((lock) => lock.path),
    [path],
  )
  await releaseLock({ path, token: '0123456789abcdef' })
  await assert.rejects(acquireProcessLock(path), { code: 'PT_STATE_LOCKED' })
  await releaseLock(told[0]!)
  await (await acquireProcessLock(path)).release()
})

test("rejects with the system's error where no lock can be made", async (context) => {
  const file = join(await temporaryDirectory(context), 'file')
  await writeFile(file, '')
  await assert.rejects(acquireProcessLock(join(file, 'lock')), { code: 'ENOTDIR' })
})

test('takes over a guard too whose holder died while taking over', linuxOnly, async (context) => {
  const directory = await temporaryDirectory(context)
  const path = join(directory, 'lock')
  await writeFile(path, await staleLine('aaaaaaaaaaaaaaaa'))
  await writeFile(`${path}.aaaaaaaaaaaaaaaa`, await staleLine('bbbbbbbbbbbbbbbb'))
  const lock = await acquireProcessLock(path)
  assert.deepEqual(await readdir(directory), ['lock'])
  await lock.release()
})

test('has one winner when many take over at once in one process', linuxOnly, async (context) => {
  const directory = await temporaryDirectory(context)
  for (let round = 0; round < 20; round++) {
    const path = join(directory, `lock-${round}`)
    await writeFile(path, await staleLine())
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => acquireProcessLock(path)))
    const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    assert.equal(winners.length, 1)
    await winners[0]!.value.release()
  }
  assert.deepEqual(await readdir(directory), [])
})

test('has one winner when processes take over at once', linuxOnly, async (context) => {
  const directory = await temporaryDirectory(context)
  const path = join(directory, 'lock')
  await writeFile(path, await staleLine())
  const contenders = await Promise.all(Array.from({ length: 4 }, () => new Contender(context, path).ready()))
  const outcomes = await Promise.all(contenders.map((contender) => contender.acquire()))
  assert.equal(outcomes.filter((outcome) => outcome === 'held').length, 1, outcomes.join('\n'))
  await contenders[outcomes.indexOf('held')]!.release()
  assert.deepEqual(await readdir(directory), [])
})
