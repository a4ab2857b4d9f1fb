import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { readFileSync } from 'node:fs'
import { ManagedProcess } from '../support/managed-process.ts'

const root = new URL('../../', import.meta.url)
const { exports } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  readonly exports: Readonly<Record<string, unknown>>
}

/** Runs CommonJS in the directory of the package, where its own name is the built package. */
async function runCommonJs(owner: ConstructorParameters<typeof ManagedProcess>[0], code: string): Promise<string> {
  const inRoot = `process.chdir(${JSON.stringify(fileURLToPath(root))})`
  const loaded = `const load = require('node:module').createRequire(${JSON.stringify(fileURLToPath(new URL('x.cjs', root)))})`
  const child = new ManagedProcess(owner, process.execPath, [
    '--input-type=commonjs',
    '-e',
    `${inRoot};${loaded};${code}`,
  ])
  return child.line('')
}

for (const path of Object.keys(exports)) {
  const name = path.replace(/^\./, 'pluggable-transports')
  test(`CommonJS code can require ${name}`, async (t) => {
    const found = JSON.parse(
      await runCommonJs(t, `console.log(JSON.stringify(Object.keys(load('${name}'))))`),
    ) as string[]
    const expected = path.endsWith('.json') ? ['name', 'version'] : Object.keys((await import(name)) as object)
    assert.ok(expected.length > 0)
    for (const key of expected) assert.ok(found.includes(key), key)
  })
}

test('a connection runs in CommonJS code', async (t) => {
  const line = await runCommonJs(
    t,
    `const { obfs4 } = load('pluggable-transports/obfs4')
    const listener = obfs4.server({}).listen({ host: '127.0.0.1', port: 0 })
    listener.on('connection', (socket) => socket.pipe(socket))
    listener.on('listening', () => {
      const { cert } = listener.clientArguments
      const socket = obfs4.client({ cert }).connect({ host: '127.0.0.1', port: listener.address().port })
      socket.end('required')
      socket.on('data', (data) => console.log(String(data))).on('close', () => listener.close())
    })`,
  )
  assert.equal(line, 'required')
})
