import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openSlotFile, parseStateObject, usableState } from '../../../src/core/state-file.ts'
import { PtError } from '../../../src/core/errors.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'

test('what is no JSON object is corrupt, and not a word of it is told', () => {
  assert.deepEqual(parseStateObject('a.json', '{"b": 1}'), { b: 1 })
  for (const [text, what] of [
    ['secret', 'it is not JSON'],
    ['["secret"]', 'it is not a JSON object'],
    ['null', 'it is not a JSON object'],
  ] as const)
    assert.throws(() => parseStateObject('a.json', text), {
      code: 'PT_STATE_CORRUPT',
      message: `The state file a.json is refused and left as it is: ${what}`,
    })
})

test("the system's error of an access names the file, and one of ours stays as it is", async () => {
  const cause = Object.assign(new Error('EIO'), { code: 'EIO' })
  await assert.rejects(usableState('a.json', Promise.reject(cause)), {
    code: 'PT_STATE_UNUSABLE',
    message: /a\.json/,
    cause,
  })
  const own = new PtError('PT_STATE_CORRUPT', 'The file is too long')
  await assert.rejects(usableState('a.json', Promise.reject(own)), own)
})

test('a file of slots with another content is refused, and its lock is free again', async () => {
  const directory = await createMemoryPlatform().store.directory('/state')
  const form = { name: 'slots.bin', length: 4, create: () => Buffer.from('good'), what: 'a good one' }
  const isValid = (content: Buffer): boolean => content.equals(Buffer.from('good'))
  const slots = await openSlotFile(directory, { ...form, isValid })
  await slots.write(0, Buffer.from('w'))
  await slots.close()
  const refusal = { code: 'PT_STATE_CORRUPT', message: /slots\.bin is refused and left as it is: it is not a good one/ }
  await assert.rejects(openSlotFile(directory, { ...form, isValid }), refusal)
  const again = await openSlotFile(directory, { ...form, isValid: () => true })
  assert.equal(again.initial.toString(), 'wood')
  await again.close()
})
