import assert from 'node:assert/strict'
import { test } from 'node:test'
import { negotiateVersion } from '../../../src/ipc/version.ts'

for (const [list, spelling, number, family] of [
  ['1', '1', '1.0', 1],
  ['1.0', '1.0', '1.0', 1],
  ['2', '2', '2.0', 2],
  ['1,2.1', '2.1', '2.1', 2],
  ['2.2,2.1', '2.2', '2.2', 2],
  ['3', '3', '3.0', 3],
  ['3.0,1', '3.0', '3.0', 3],
  ['1,1a,2b,this_is_a_valid_ver', '1', '1.0', 1],
  ['9,2.1,4.0', '2.1', '2.1', 2],
] as const)
  test(`answers ${spelling} to a parent that lists ${list}`, () => {
    assert.deepEqual(negotiateVersion(list), { family, number, spelling })
  })

test('speaks 3.0 to a parent that lists nothing', () => {
  assert.deepEqual(negotiateVersion(undefined), { family: 3, number: '3.0', spelling: '3.0' })
})

for (const list of ['4', '1a', '', ',', '11', '3.0.1', '__proto__'])
  test(`has no version in common with the list "${list}"`, () => {
    assert.equal(negotiateVersion(list), undefined)
  })
