import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRegistry } from '../../../src/core/registry.ts'

const alpha = { name: 'alpha', extra: 1 }
const beta = { name: 'beta', extra: 2 }

test('gives transports by name and iterates in order', () => {
  const registry = createRegistry([beta, alpha])
  assert.equal(registry.get('alpha').extra, 1)
  assert.deepEqual(registry.names, ['beta', 'alpha'])
  assert.deepEqual([...registry], [beta, alpha])
  assert.equal(registry.has('alpha'), true)
  assert.equal(registry.has('toString'), false)
})

test('names the known transports, and a close one, when a name is unknown', () => {
  const registry = createRegistry([alpha, beta])
  assert.throws(() => registry.get('alhpa'), {
    code: 'PT_TRANSPORT_UNKNOWN',
    message: 'There is no transport "alhpa" (known are alpha, beta); did you mean "alpha"?',
  })
  assert.throws(() => registry.get('a\nb'), { code: 'PT_TRANSPORT_UNKNOWN', message: /^[^\n]*$/ })
  assert.throws(() => createRegistry([]).get('x'), { code: 'PT_TRANSPORT_UNKNOWN', message: /none is known/ })
})

test('refuses two transports of one name, and names that are none', () => {
  assert.throws(() => createRegistry([alpha, { name: 'alpha' }]), {
    code: 'PT_TRANSPORT_DUPLICATE',
    message: /"alpha"/,
  })
  assert.throws(() => createRegistry([{ name: 'meek-lite' }]), { code: 'PT_NAME_INVALID' })
})

test('cannot be changed', () => {
  const registry = createRegistry([alpha])
  assert.ok(Object.isFrozen(registry) && Object.isFrozen(registry.names))
})
