import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { createRegistry } from '../../../src/core/registry.ts'
import type { Transport } from '../../../src/core/transport.ts'
import { loadTransports, toSpecifiers } from '../../../src/host/load-modules.ts'
import { plain } from '../../../src/testing/index.ts'

const registry = createRegistry<Transport>([plain])

/** Makes a module of a text, in which transport() is what looks like a transport. */
function moduleOf(text: string): string {
  const transport = 'const transport = (name) => ({ name, client() {}, server() {} });'
  return `data:text/javascript,${encodeURIComponent(transport + text)}`
}

async function namesOf(...modules: readonly string[]): Promise<readonly string[]> {
  return (await loadTransports(modules, registry)).names
}

test('adds what modules export to a registry: transports, lists of them, and nothing else', async () => {
  assert.deepEqual(await namesOf(), ['plain'])
  const one = moduleOf(`export const a = transport('a'), b = 1, c = 'plain', d = { name: 'd', client() {} }, e = null`)
  const list = moduleOf(`const f = transport('f'); export default f; export const all = [f, transport('g'), 2]`)
  assert.deepEqual([...(await namesOf(one, list))].toSorted(), ['a', 'f', 'g', 'plain'])
})

test('names the module that exports no transport, or cannot be loaded, and why', async () => {
  const none = moduleOf('export const a = {}')
  await assert.rejects(namesOf(none), { message: `The module ${none} exports no transport` })
  await assert.rejects(namesOf('file:///nonexistent/module.js'), /module\.js cannot be loaded: Cannot find module/)
  await assert.rejects(namesOf(moduleOf('throw new Error("no luck")')), /cannot be loaded: no luck$/)
  await assert.rejects(namesOf(moduleOf('throw null')), /cannot be loaded: null$/)
})

test('refuses two transports of one name', async () => {
  await assert.rejects(namesOf(moduleOf(`export const a = transport('plain')`)), { code: 'PT_TRANSPORT_DUPLICATE' })
})

test('takes URLs, paths and names of modules', () => {
  const url = new URL('file:///a/b.js')
  assert.deepEqual(toSpecifiers([url, 'file:///c.js', resolve('/d/e f.js'), './g.js', 'some-package/h']), [
    url.href,
    'file:///c.js',
    pathToFileURL(resolve('/d/e f.js')).href,
    pathToFileURL(resolve('g.js')).href,
    'some-package/h',
  ])
  for (const wrong of ['x', [1], [''], {}, null])
    assert.throws(() => toSpecifiers(wrong), { code: 'PT_OPTION_INVALID', message: /"modules"/ })
})
