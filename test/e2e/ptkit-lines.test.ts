import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const executable = fileURLToPath(new URL('../../cli/bin/ptkit', import.meta.url))

interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs ptkit to its end, as a parent that closes standard input at once. */
function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Run {
  const { status, stdout, stderr } = spawnSync(process.execPath, [executable, ...args], {
    env,
    input: '',
    encoding: 'utf8',
    timeout: 20_000,
  })
  return { code: status, out: stdout, err: stderr }
}

test('prints its version', () => {
  const text = readFileSync(new URL('../../cli/package.json', import.meta.url), 'utf8')
  const { version } = JSON.parse(text) as { version: string }
  assert.deepEqual(run(['-version']), { code: 0, out: `ptkit ${version}\n`, err: '' })
  assert.equal(run(['--version']).out, `ptkit ${version}\n`)
})

test('prints how it is used', () => {
  const { code, out } = run(['-help'])
  assert.equal(code, 0)
  assert.match(out, /-ptversion list +TOR_PT_MANAGED_TRANSPORT_VER/)
})

test('tells both streams that no version is in common, and exits with 78', () => {
  const line = 'VERSION-ERROR no-version\n'
  assert.deepEqual(run([], { TOR_PT_MANAGED_TRANSPORT_VER: '9' }), { code: 78, out: line, err: line })
})

const NO_TRANSPORT = 'ENV-ERROR No transport named: TOR_PT_CLIENT_TRANSPORTS, -transports or -transport\n'

test('tells a parent of version 1 on standard output what is wrong, without VERSION, and exits with 64', () => {
  assert.deepEqual(run([], { TOR_PT_MANAGED_TRANSPORT_VER: '1' }), { code: 64, out: NO_TRANSPORT, err: '' })
})

for (const version of ['2.1', '3.0'])
  test(`tells a parent of version ${version} on standard error what is wrong, and exits with 64`, () => {
    assert.deepEqual(run(['-ptversion', version]), { code: 64, out: '', err: NO_TRANSPORT })
  })

test('refuses an upstream proxy after VERSION and before any method, and exits with 69', () => {
  const env = {
    TOR_PT_MANAGED_TRANSPORT_VER: '1',
    TOR_PT_CLIENT_TRANSPORTS: 'obfs4',
    TOR_PT_PROXY: 'ftp://192.0.2.1:1',
  }
  const { code, out, err } = run([], env)
  assert.equal(code, 69)
  assert.match(out, /^VERSION 1\nSTATUS TYPE=version [^\n]+\nPROXY-ERROR [^\n]+\n$/)
  assert.equal(err, '')
})

test('writes the lines of a client in their order', () => {
  const { code, out, err } = run([], {
    TOR_PT_MANAGED_TRANSPORT_VER: '1',
    TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
    TOR_PT_CLIENT_TRANSPORTS: 'obfs4,unknown',
    TOR_PT_PROXY: 'socks5://127.0.0.1:9',
  })
  assert.equal(code, 0)
  assert.match(
    out,
    /^VERSION 1\nSTATUS TYPE=version IMPLEMENTATION="ptkit" VERSION="[^"]+"\nPROXY DONE\nCMETHOD obfs4 socks5 127\.0\.0\.1:[1-9]\d*\nCMETHODS DONE\n$/,
  )
  assert.equal(err, '')
})

test('writes no line of a proxy that was not given, nor a status in version 3.0', () => {
  const { out } = run(['-transport', 'obfs4', '-exit-on-stdin-close'])
  assert.match(out, /^VERSION 3\.0\nCMETHOD obfs4 socks5 127\.0\.0\.1:[1-9]\d*\nCMETHODS DONE\n$/)
})

test('goes on to the end of the methods when no transport is known', () => {
  const { code, out } = run(['-transport', 'unknown', '-exit-on-stdin-close'])
  assert.deepEqual([code, out], [0, 'VERSION 3.0\nCMETHODS DONE\n'])
})

test('refuses the settings of one transport with its own line, on the stream of the version', () => {
  const args = ['-transport', 'obfs4', '-exit-on-stdin-close', '-options', '{"no-such-option": "x"}']
  const { code, out, err } = run(args)
  assert.deepEqual([code, out], [0, 'VERSION 3.0\nCMETHODS DONE\n'])
  assert.match(err, /^CMETHOD-ERROR obfs4 [^\n]*no-such-option[^\n]*\n$/)
  assert.match(run([...args, '-ptversion', '1']).out, /\nCMETHOD-ERROR obfs4 [^\n]+\nCMETHODS DONE\n$/)
})

test('refuses a malformed option of one transport with its own line, and goes on', () => {
  const args = ['-transport', 'obfs4', '-exit-on-stdin-close', '-options', 'obfs4:cert']
  const { code, out, err } = run(args)
  assert.deepEqual([code, out], [0, 'VERSION 3.0\nCMETHODS DONE\n'])
  assert.match(err, /^CMETHOD-ERROR obfs4 The options in -options must have the form [^\n]+\n$/)
})

const windows = process.platform === 'win32'

test('refuses a FIFO and a device as -optionsFile at once, naming the flag', { skip: windows }, async (t) => {
  const fifo = join(await temporaryDirectory(t), 'options')
  execFileSync('mkfifo', [fifo])
  for (const path of [fifo, '/dev/zero']) {
    const err = 'ENV-ERROR The file of -optionsFile cannot be read: it is no regular file\n'
    assert.deepEqual(run(['-transport', 'obfs4', '-optionsFile', path]), { code: 64, out: '', err })
  }
})
