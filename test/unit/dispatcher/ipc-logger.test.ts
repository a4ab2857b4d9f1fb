import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createIpcLogger } from '../../../src/dispatcher/ipc-logger.ts'
import { VERSION_1, VERSION_3, createLines } from '../../support/ipc-lines.ts'

test('passes everything on, and to the parent what it asked for', () => {
  const { lines, out } = createLines(VERSION_3, 'WARN')
  const heard: unknown[] = []
  const hear = (event: string, fields: object) => heard.push([event, fields])
  const logger = createIpcLogger(lines, 'WARN', { error: hear, warn: hear, info: hear, debug: hear })
  logger.error?.('a:failed', { transport: 'obfs4', code: 'EIO' })
  logger.warn?.('b:odd', { count: 2, absent: undefined })
  logger.info?.('c:open', {})
  logger.debug?.('d:step', {})
  assert.deepEqual(heard, [
    ['a:failed', { transport: 'obfs4', code: 'EIO' }],
    ['b:odd', { count: 2, absent: undefined }],
    ['c:open', {}],
    ['d:step', {}],
  ])
  assert.deepEqual(out, ['LOG ERROR a:failed transport=obfs4 code=EIO', 'LOG WARN b:odd count=2'])
})

test('writes the fields of a group one by one', () => {
  const { lines, out } = createLines(VERSION_3, 'WARN')
  const fields = { count: 2, dropped: { full: 1, absent: undefined, tooLong: 0 }, nothing: null }
  createIpcLogger(lines, 'WARN').warn?.('b:odd', fields)
  assert.deepEqual(out, ['LOG WARN b:odd count=2 dropped.full=1 dropped.tooLong=0 nothing=null'])
})

test('has no member that nobody would hear', () => {
  const logger = createIpcLogger(createLines(VERSION_1, 'ERROR').lines, 'ERROR', { info: () => {} })
  assert.deepEqual(Object.keys(logger), ['error', 'info'])
  assert.deepEqual(Object.keys(createIpcLogger(createLines(VERSION_1).lines, 'NONE')), [])
})

test('keeps the receiver of the logger that it passes events to', () => {
  class Counter {
    count = 0
    info(): void {
      this.count++
    }
  }
  const counter = new Counter()
  createIpcLogger(createLines(VERSION_3).lines, 'NONE', counter).info?.('c:open', {})
  createIpcLogger(createLines(VERSION_3, 'INFO').lines, 'INFO', counter).info?.('c:open', {})
  assert.equal(counter.count, 2)
})
