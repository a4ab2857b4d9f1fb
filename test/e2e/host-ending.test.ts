import assert from 'node:assert/strict'
import { once } from 'node:events'
import process from 'node:process'
import { type TestContext, test } from 'node:test'
import { obfs4 } from 'pluggable-transports/obfs4'
import { nextMessage, startBuiltProcess } from '../support/built-process.ts'
import { poll } from '../support/poll.ts'
import { ptkitPath } from '../support/ptkit.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const PROGRAM = new URL('../support/host-ending-process.ts', import.meta.url)
const LIMIT = { timeout: 30_000 }

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Starts a program that uses a PT process as it is told; gives it and its child's id, which a child that is no process has not. */
async function start(t: TestContext, parameters: object) {
  const program = startBuiltProcess(PROGRAM, {
    command: ptkitPath,
    place: 'a process',
    stateDir: await temporaryDirectory(t),
    ...parameters,
  })
  t.after(() => void program.kill('SIGKILL'))
  const ended = once(program, 'exit')
  const { pid } = await nextMessage<{ pid?: number }>(program)
  return { program, pid, ended }
}

for (const place of ['a process', 'a thread', 'this process']) {
  test(`a program that has connected once through ${place} ends by itself`, LIMIT, async (t) => {
    const listener = obfs4.server({}).listen({ host: '127.0.0.1', port: 0 })
    t.after(() => listener.close().closeAllConnections())
    listener.on('connection', (socket) => socket.on('error', () => {}).pipe(socket))
    await once(listener, 'listening')
    const { port } = listener.address() as { port: number }
    const { pid, ended } = await start(t, { does: 'connect', place, port, clientArguments: listener.clientArguments })
    assert.deepEqual(await ended, [0, null])
    if (pid !== undefined) await poll('the end of the child', 10_000, async () => !isAlive(pid) || undefined)
  })

  test(`an unreferenced listener of ${place} lets the program end`, LIMIT, async (t) => {
    const { ended } = await start(t, { does: 'listen', place })
    assert.deepEqual(await ended, [0, null])
  })
}

test('an unreferenced PT process lets the program end, and ends with it', LIMIT, async (t) => {
  const { pid, ended } = await start(t, { does: 'launch' })
  assert.deepEqual(await ended, [0, null])
  await poll('the end of the child', 10_000, async () => !isAlive(pid!) || undefined)
})

for (const does of ['launch', 'listen'])
  test(`a program lives as long as what it has referenced: ${does}`, LIMIT, async (t) => {
    const { program, ended } = await start(t, { does, keep: true })
    // Had nothing kept it, it would have ended of itself, with status 0.
    setTimeout(() => program.kill('SIGTERM'), 1_000)
    assert.deepEqual(await ended, [null, 'SIGTERM'])
  })
