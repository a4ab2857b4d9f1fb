import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSendCallback, readPacketInput } from '../../../src/core/packet-input.ts'

test('a packet is a text, bytes of any view, or a list of them that makes one packet', () => {
  const text = (input: Parameters<typeof readPacketInput>[0]) => Buffer.from(readPacketInput(input)).toString()
  assert.equal(text('grüße'), 'grüße')
  assert.equal(text(Buffer.from('abc')), 'abc')
  const memory = new TextEncoder().encode('xabcdx').buffer
  assert.equal(text(new DataView(memory, 1, 4)), 'abcd')
  assert.equal(text(new Uint16Array(memory, 2, 2)), 'bcdx')
  assert.equal(text(['a', Buffer.from('b'), new Uint8Array(0), 'c']), 'abc')
  assert.equal(text([]), '')
})

test('anything else is refused as dgram refuses it', () => {
  for (const input of [undefined, null, 1, {}, new ArrayBuffer(1), ['a', 1], [['a']]])
    assert.throws(() => readPacketInput(input as string), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  for (const callback of [null, 1, {}])
    assert.throws(() => checkSendCallback(callback), { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
})
