import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LineSplitter, MAX_LINE_LENGTH } from '../../../src/host/line-splitter.ts'

function split(chunks: readonly (string | Uint8Array)[]): string[] {
  const lines: string[] = []
  const splitter = new LineSplitter((line) => lines.push(line))
  for (const chunk of chunks) splitter.push(Buffer.from(chunk))
  splitter.end()
  return lines
}

test('cuts lines in any chopping, and takes a CR before the LF away', () => {
  const text = 'VERSION 1\r\nCMETHOD a\n\n\rb\r\nhalf'
  const whole = split([text])
  assert.deepEqual(whole, ['VERSION 1', 'CMETHOD a', '', '\rb', 'half'])
  for (let size = 1; size < text.length; size++) {
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, at) =>
      text.slice(at * size, (at + 1) * size),
    )
    assert.deepEqual(split(chunks), whole)
  }
})

test('joins a character whose bytes come apart, and replaces what is no UTF-8', () => {
  const euro = Buffer.from('€')
  assert.deepEqual(split([euro.subarray(0, 1), euro.subarray(1), '\n', Buffer.of(0xff), '\n']), ['€', '\ufffd'])
})

test('cuts a line at its limit and goes on with the next', () => {
  const lines = split(['x'.repeat(MAX_LINE_LENGTH), 'y\n', `${'z'.repeat(MAX_LINE_LENGTH + 1)}\nnext\n`])
  assert.deepEqual(
    lines.map((line) => [line.length, line[0], line.at(-1)]),
    [
      [MAX_LINE_LENGTH, 'x', 'x'],
      [MAX_LINE_LENGTH, 'z', 'z'],
      [4, 'n', 't'],
    ],
  )
})

test('keeps no more than the limit of a line of 10 MiB that has no end', () => {
  const splitter = new LineSplitter(() => assert.fail('there is no line'))
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const before = process.memoryUsage().arrayBuffers
  for (let count = 0; count < 160; count++) splitter.push(chunk)
  assert.ok(process.memoryUsage().arrayBuffers - before < 1024 * 1024)
})

test('tells no line at the end of an output that ends with LF', () => {
  assert.deepEqual(split(['a\n']), ['a'])
  assert.deepEqual(split([]), [])
})
