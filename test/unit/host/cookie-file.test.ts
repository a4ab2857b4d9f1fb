import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import process from 'node:process'
import { test } from 'node:test'
import { claimCookieFile, cookiePathIn } from '../../../src/host/cookie-file.ts'
import { hostTransport } from '../../../src/host/host-transport.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { FakeChildren } from '../../support/fake-children.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const TOKEN = '0123456789abcdef'

/** Writes what a process that is no more has left: a cookie, who holds it, and a draft of it. */
async function leaveCookie(directory: string): Promise<void> {
  const path = cookiePathIn(directory)
  const { pid } = spawnSync(process.execPath, ['--version'])
  const held = `pid=${pid} started=1 boot= token=${TOKEN}\n`
  await writeFile(path, 'secret')
  await writeFile(`${path}.${TOKEN}.tmp`, 'secret')
  await writeFile(`${path}.holder`, held)
  await writeFile(`${path}.holder.${TOKEN}.new`, held)
}

test('removes what dead processes left, and nothing else', async (t) => {
  const directory = await temporaryDirectory(t)
  const living = cookiePathIn(directory)
  const claim = await claimCookieFile(living)
  await writeFile(living, 'secret')
  await leaveCookie(directory)
  await leaveCookie(directory)
  const others = ['extended_orport_auth_cookie', 'extended_orport_auth_cookie_0.tmp', 'obfs4_state.json']
  for (const name of others) await writeFile(join(directory, name), '')
  await writeFile(cookiePathIn(directory), 'of somebody without a holder')
  const half = cookiePathIn(directory)
  await writeFile(half, 'secret')
  await writeFile(`${half}.holder`, 'pid=')

  const path = cookiePathIn(directory)
  const second = await claimCookieFile(path)
  const kept = [living, `${living}.holder`, half, `${half}.holder`, `${path}.holder`].map((file) => basename(file))
  assert.deepEqual((await readdir(directory)).toSorted(), [...others, ...kept].toSorted())
  await second.release()
  await claim.release()
})

test('tells the holder of a cookie by its process, for as long as it claims it', async (t) => {
  const directory = await temporaryDirectory(t)
  const path = cookiePathIn(directory)
  const claim = await claimCookieFile(path)
  assert.match(await readFile(`${path}.holder`, 'latin1'), new RegExp(`^pid=${process.pid} `))
  await claim.release()
  assert.deepEqual(await readdir(directory), [])
})

test('a listener removes the cookies of killed parents from its state directory', async (t) => {
  const stateDir = await temporaryDirectory(t)
  await leaveCookie(stateDir)
  const children = new FakeChildren()
  const transport = hostTransport({ startChild: children.start, stateDir }, 'any')
  const listener = transport.server({}, { platform: createMemoryPlatform() }).listen({ host: '127.0.0.1', port: 0 })
  const listening = once(listener, 'listening')
  while (children.all.length === 0) await new Promise((resolve) => setImmediate(resolve))
  const { TOR_PT_AUTH_COOKIE_FILE: cookieFile = '' } = children.last.setup.variables
  assert.deepEqual((await readdir(stateDir)).toSorted(), [basename(cookieFile), `${basename(cookieFile)}.holder`])
  children.last.say('VERSION 1', 'SMETHOD any 127.0.0.1:5000', 'SMETHODS DONE')
  await listening
  listener.close()
  await once(listener, 'close')
  assert.deepEqual(await readdir(stateDir), [])
})
