import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { IMPLEMENTATION } from '../../../src/host/contained.ts'

test('calls itself by the name and the version of the package', () => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')
  const { name, version } = JSON.parse(text) as { readonly name: string; readonly version: string }
  assert.deepEqual(IMPLEMENTATION, { name, version })
})
