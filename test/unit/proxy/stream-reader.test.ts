import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { StreamReader } from '../../../src/proxy/stream-reader.ts'
import type { Decoding } from '../../../src/wire/decoding.ts'
import { readExactly } from '../../support/read-exactly.ts'

/** Decodes a line that a LF ends and that holds no NUL. */
function decodeLine(bytes: Buffer): Decoding<string> {
  if (bytes.includes(0)) return 'malformed'
  const end = bytes.indexOf('\n')
  return end === -1 ? 'incomplete' : { value: bytes.toString('latin1', 0, end), length: end + 1 }
}

function read(ending = new AbortController()) {
  const stream = new PassThrough()
  const reader = new StreamReader(stream, ending.signal)
  return { stream, reader, ending }
}

test('takes messages and counted pieces in turn, and leaves what follows in the stream, its end too', async () => {
  const { stream, reader } = read()
  stream.end('first\nsecond\n1234rest')
  assert.equal(await reader.message(decodeLine), 'first')
  assert.equal(await reader.message(decodeLine), 'second')
  assert.equal((await reader.take(4)).toString(), '1234')
  reader.release()
  assert.equal((await readExactly(stream, 4)).toString(), 'rest')
  await assert.rejects(readExactly(stream, 1), /ended/)
})

test('takes a message that comes in pieces', async () => {
  const { stream, reader } = read()
  const message = reader.message(decodeLine)
  for (const piece of ['a', 'bc', 'd\n']) stream.write(piece)
  assert.equal(await message, 'abcd')
})

test('refuses what is no message, and an end within one', async () => {
  const malformed = read()
  malformed.stream.write(Buffer.of(0))
  await assert.rejects(malformed.reader.message(decodeLine), { code: 'PT_FRAME_INVALID' })
  const short = read()
  short.stream.end('no end of line')
  await assert.rejects(short.reader.message(decodeLine), { code: 'PT_TRUNCATED' })
})

test("gives up for its signal's reason, before and within a message", async () => {
  const reason = new Error('enough')
  const { reader, ending } = read()
  const message = reader.message(decodeLine)
  ending.abort(reason)
  await assert.rejects(message, reason)
  await assert.rejects(reader.take(1), reason)
  await assert.rejects(read(ending).reader.take(1), reason)
})
