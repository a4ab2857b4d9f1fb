import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTransportName, parseTransportName } from '../../../src/core/name.ts'

test('transport names are C identifiers', () => {
  for (const name of ['obfs4', 'meek_lite', '_', 'A1', 'x'.repeat(1000)]) {
    assert.equal(parseTransportName(name), name)
    assert.ok(isTransportName(name))
  }
})

test('transport names are refused with PT_NAME_INVALID when they are anything else', () => {
  for (const name of ['', '4obfs', 'meek-lite', 'a b', 'obfs4\n', 'ö', 'a.b', 5, undefined, null]) {
    assert.ok(!isTransportName(name))
    assert.throws(() => parseTransportName(name), { code: 'PT_NAME_INVALID' })
  }
})
