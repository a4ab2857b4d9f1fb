import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { plain } from '../../../src/testing/plain.ts'

const target = { host: 'nobody.invalid', port: 1 }

function create() {
  const client = plain.client({}, { platform: createMemoryPlatform() })
  const socket = client.connect(target)
  socket.on('error', () => undefined)
  return { client, socket }
}

/** The name and code of what an action throws. */
function thrownBy(action: () => unknown): { readonly name: unknown; readonly code: unknown } | undefined {
  try {
    action()
  } catch (error) {
    assert.ok(error instanceof Error)
    return { name: error.name, code: 'code' in error ? error.code : undefined }
  }
  return undefined
}

for (const bad of [-1, Number.NaN, Infinity, -Infinity, '5', null, undefined, []]) {
  test(`setTimeout(${inspect(bad)}) throws the error of net's`, () => {
    const { socket } = create()
    const expected = thrownBy(() => new Socket().setTimeout(bad as number))
    assert.ok(expected?.code)
    assert.deepEqual(
      thrownBy(() => socket.setTimeout(bad as number)),
      expected,
    )
    assert.equal(socket.timeout, 0)
    socket.destroy()
  })
}

test('setTimeout refuses what a timer cannot wait for, and takes the longest that it can', () => {
  const { socket } = create()
  assert.throws(() => socket.setTimeout(2 ** 31), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
  assert.equal(socket.setTimeout(2 ** 31 - 1).timeout, 2 ** 31 - 1)
  socket.destroy()
})

test("setTimeout refuses a listener that is none with the error of net's, and leaves the time as it was", () => {
  const { socket } = create()
  const bad = 'x' as unknown as () => void
  assert.deepEqual(
    thrownBy(() => socket.setTimeout(5, bad)),
    thrownBy(() => new Socket().setTimeout(5, bad)),
  )
  assert.equal(socket.timeout, 0)
  socket.destroy()
})

test('a bad time in the options throws the same from connect()', () => {
  const { client, socket } = create()
  assert.throws(() => client.connect({ ...target, timeout: -1 }), { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' })
  socket.destroy()
})
