import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { ptkitPath } from '../support/ptkit.ts'
import { startPtkit } from '../support/ptkit-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const IDLE_MS = 500
const TIMEOUT_MS = 20_000

test('lives on when no transport is known, and exits with 0 at SIGTERM', { timeout: TIMEOUT_MS }, async (t) => {
  const process = startPtkit(t, {}, ['-transports', 'meek,unknown', '-state', await temporaryDirectory(t)])
  await process.line('CMETHODS DONE')
  const exited = once(process.child, 'exit').then(() => 'exited')
  assert.equal(await Promise.race([exited, delay(IDLE_MS, 'lives')]), 'lives')
  await process.kill('SIGTERM')
  assert.equal(process.child.exitCode, 0)
})

test('lets nobody else read what it makes', { skip: process.platform !== 'linux', timeout: TIMEOUT_MS }, async (t) => {
  const child = startPtkit(t, {}, ['-transport', 'obfs4', '-state', await temporaryDirectory(t)])
  await child.line('CMETHODS DONE')
  assert.match(await readFile(`/proc/${child.child.pid}/status`, 'utf8'), /^Umask:\s*0077$/m)
})

test(
  'exits within 10 s when its parent dies',
  { skip: process.platform === 'win32', timeout: TIMEOUT_MS },
  async (t) => {
    const args = ['-transport', 'obfs4', '-state', await temporaryDirectory(t)]
    const parent = spawn('/bin/sh', ['-c', '"$@" & echo "$!"; wait', 'sh', process.execPath, ptkitPath, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const lines: string[] = []
    for await (const line of createInterface({ input: parent.stdout }))
      if (lines.push(line) && line === 'CMETHODS DONE') break
    const child = Number(lines.find((line) => /^\d+$/.test(line)))
    t.after(() => endProcess(child))
    const port = Number(
      /:(?<port>\d+)$/.exec(lines.find((line) => line.startsWith('CMETHOD obfs4'))!)?.groups?.['port'],
    )
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    parent.kill('SIGKILL')
    // It keeps the socket for as long as it lives; its end may be a reset.
    const closed = new Promise((resolve) => socket.resume().once('close', () => resolve('closed')))
    assert.equal(await Promise.race([closed, delay(9_000, 'still open', { ref: false })]), 'closed')
  },
)

/** Ends a process that may have ended by itself. */
function endProcess(id: number): void {
  try {
    process.kill(id, 'SIGKILL')
  } catch {
    // It has ended, as it should.
  }
}

/** Runs a server to its end in `work`, in a tree of its own; returns every file and directory of the tree afterwards. */
async function runServer(root: string, args: readonly string[]): Promise<readonly string[]> {
  const [work, home, temporary] = ['work', 'home', 'temporary'].map((name) => join(root, name)) as [
    string,
    string,
    string,
  ]
  for (const directory of [work, home, temporary]) await mkdir(directory)
  const server = [
    '-server',
    '-transport',
    'obfs4',
    '-bindhost',
    '127.0.0.1',
    '-bindport',
    '0',
    '-target',
    '127.0.0.1:9',
  ]
  const logging = ['-exit-on-stdin-close', '-enableLogging', '-logLevel', 'DEBUG']
  const { status } = spawnSync(process.execPath, [ptkitPath, ...server, ...logging, ...args], {
    cwd: work,
    env: { HOME: home, TMPDIR: temporary, TEMP: temporary, TMP: temporary },
    input: '',
    timeout: TIMEOUT_MS,
  })
  assert.equal(status, 0)
  return readdir(root, { recursive: true })
}

test('makes files nowhere but in the state directory, which may be a relative path', async (t) => {
  const made = await runServer(await temporaryDirectory(t), ['-state', join('deep', 'state')])
  const state = join('work', 'deep', 'state')
  assert.ok(made.includes(join(state, 'obfs4_state.json')))
  assert.ok(made.includes(join(state, 'ptkit.log')))
  const elsewhere = made.filter((path) => !path.startsWith(join(state, '/')))
  assert.deepEqual(elsewhere.sort(), ['home', 'temporary', 'work', join('work', 'deep'), state].sort())
})

test('keeps its files in the current directory without a state directory', async (t) => {
  const made = await runServer(await temporaryDirectory(t), [])
  assert.ok(made.includes(join('work', 'obfs4_state.json')))
  assert.deepEqual(made.filter((path) => !path.startsWith('work')).sort(), ['home', 'temporary'])
})

test('finds the file of -optionsFile from the current directory', async (t) => {
  const cwd = await temporaryDirectory(t)
  await writeFile(join(cwd, 'options.json'), '{"no-such-option": "x"}')
  const args = ['-transport', 'obfs4', '-exit-on-stdin-close', '-optionsFile', 'options.json']
  const { stderr } = spawnSync(process.execPath, [ptkitPath, ...args], {
    cwd,
    env: {},
    input: '',
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
  })
  assert.match(stderr, /^CMETHOD-ERROR obfs4 [^\n]*no-such-option/)
})
