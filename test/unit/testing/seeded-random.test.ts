import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../../src/testing/index.ts'

describe('SeededRandom', () => {
  it('repeats for one seed, in whatever portions it is drawn, and differs for another', () => {
    const whole = new SeededRandom('seed').fill(Buffer.alloc(100))
    const random = new SeededRandom('seed')
    const parts = [1, 15, 16, 17, 51].map((length) => random.fill(Buffer.alloc(length)))
    assert.deepEqual(Buffer.concat(parts), whole)
    assert.notDeepEqual(new SeededRandom('other').fill(Buffer.alloc(100)), whole)
  })

  it('fills all of its target', () => {
    const filled = Buffer.alloc(4_096)
    new SeededRandom(1).fill(filled)
    assert.ok(new Set(filled).size > 200)
    assert.ok(filled.subarray(-16).some((byte) => byte !== 0))
  })
})
