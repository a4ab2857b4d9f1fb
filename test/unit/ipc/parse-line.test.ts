import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { IpcFailure } from '../../../src/ipc/failure.ts'
import {
  formatClientMethod,
  formatFailure,
  formatServerMethod,
  formatServerMethodError,
} from '../../../src/ipc/lines.ts'
import { formatLog } from '../../../src/ipc/log-line.ts'
import { type ChildLine, parseLine } from '../../../src/ipc/parse-line.ts'
import { negotiateVersion } from '../../../src/ipc/version.ts'

const ADDRESS = { host: '127.0.0.1', port: 1984 }

const LINES: readonly (readonly [line: string, parsed: ChildLine])[] = [
  ['VERSION 1', { kind: 'version', version: '1' }],
  ['VERSION 3.0\r', { kind: 'version', version: '3.0' }],
  ['VERSION-ERROR no-version', { kind: 'failure', failure: 'version', text: 'no-version' }],
  ['ENV-ERROR', { kind: 'failure', failure: 'env', text: '' }],
  ['PROXY-ERROR SOCKS 4 is refused ', { kind: 'failure', failure: 'proxy', text: 'SOCKS 4 is refused' }],
  ['PROXY DONE', { kind: 'proxy-done' }],
  ['CMETHODS DONE', { kind: 'methods-done', role: 'client' }],
  ['SMETHODS DONE', { kind: 'methods-done', role: 'server' }],
  [
    'CMETHOD trebuchet socks5 127.0.0.1:1984',
    { kind: 'client-method', transport: 'trebuchet', protocol: 'socks5', address: ADDRESS },
  ],
  [
    'CMETHOD a STUN [::1]:7 ARGS=old',
    { kind: 'client-method', transport: 'a', protocol: 'STUN', address: { host: '::1', port: 7 } },
  ],
  [
    'SMETHOD trebuchet 127.0.0.1:1984',
    { kind: 'server-method', transport: 'trebuchet', address: ADDRESS, clientArguments: {} },
  ],
  [
    String.raw`SMETHOD a 127.0.0.1:1984 FORWARD:1 ARGS:k=v=w,e\,f=g\=\\h,empty=`,
    {
      kind: 'server-method',
      transport: 'a',
      address: ADDRESS,
      clientArguments: { k: 'v=w', 'e,f': String.raw`g=\h`, empty: '' },
    },
  ],
  ['SMETHOD a 127.0.0.1:1984 ARGS:', { kind: 'server-method', transport: 'a', address: ADDRESS, clientArguments: {} }],
  ['CMETHOD-ERROR a no such thing', { kind: 'method-failure', role: 'client', transport: 'a', text: 'no such thing' }],
  ['SMETHOD-ERROR a', { kind: 'method-failure', role: 'server', transport: 'a', text: '' }],
  ['LOG SEVERITY=notice MESSAGE="x"', { kind: 'log', severity: 'notice', message: 'x' }],
  ['STATUS TRANSPORT=a K=v', { kind: 'status', fields: { TRANSPORT: 'a', K: 'v' } }],
]

for (const [line, parsed] of LINES)
  test(`parses ${JSON.stringify(line)}`, () => {
    assert.deepEqual(parseLine(line), parsed)
  })

const BROKEN = [
  'VERSION',
  'VERSION 1 2',
  'CMETHOD',
  'CMETHOD no-name socks5 127.0.0.1:1',
  'CMETHOD a socks6 127.0.0.1:1',
  'CMETHOD a socks5',
  'CMETHOD a socks5 127.0.0.1',
  'CMETHOD a socks5 127.0.0.1:0',
  'CMETHOD a socks5 127.0.0.1:65536',
  'CMETHOD a socks5 localhost:1',
  'CMETHOD a socks5 ::1:1',
  'CMETHOD a socks5 127.0.0.1:1\0',
  'SMETHOD a',
  'SMETHOD a 0.0.0.0:0',
  'SMETHOD a 1.2.3.4:1 ARGS:novalue',
  'SMETHOD a 1.2.3.4:1 ARGS:=v',
  'SMETHOD a 1.2.3.4:1 ARGS:a=1,a=2',
  'SMETHOD a 1.2.3.4:1 ARGS:a=1,',
  String.raw`SMETHOD a 1.2.3.4:1 ARGS:a=1\ `,
  'CMETHOD-ERROR',
  'SMETHOD-ERROR no-name text',
]

for (const line of BROKEN)
  test(`tells that ${JSON.stringify(line)} is broken`, () => {
    const parsed = parseLine(line)
    assert.ok(parsed.kind === 'broken')
    assert.equal(parsed.keyword, line.split(' ')[0])
  })

const JUNK = [
  '',
  ' VERSION 1',
  'version 1',
  'VERSIONS 1',
  'CMETHODX a socks5 127.0.0.1:1',
  'CMETHODS',
  'CMETHODS DONE NOW',
  'CMETHOD-ERRORS a',
  'PROXY',
  'PROXY DONE?',
  'ENV-ERROR-CODE 1',
  'LOG nonsense',
  'LOG SEVERITY=loud MESSAGE="x"',
  'STATUS',
  'STATUS hello',
  'constructor 1',
  'toString',
]

for (const line of JUNK)
  test(`gives ${JSON.stringify(line)} no meaning`, () => {
    assert.deepEqual(parseLine(line), { kind: 'unknown' })
  })

test('reads back what the writing side writes', () => {
  const printable = fc.string({
    unit: fc.constantFrom('a', 'b', '\\', '=', ',', ':', ';', '"', "'", '/'),
    maxLength: 20,
  })
  const args = fc.dictionary(
    printable.filter((key) => key !== ''),
    printable,
  )
  fc.assert(
    fc.property(args, printable, (args, text) => {
      const method = parseLine(formatServerMethod('a', ADDRESS, args))
      assert.ok(method.kind === 'server-method')
      assert.deepEqual({ ...method.clientArguments }, { ...args })
      const message = `x${text}\n\r\té`
      const [one, three] = ['1', '3.0'].map((version) => negotiateVersion(version)!)
      assert.deepEqual(parseLine(formatLog(one!, 'DEBUG', 'WARN', message)!), {
        kind: 'log',
        severity: 'warning',
        message: `x${text}\n\r\t?`,
      })
      assert.deepEqual(parseLine(formatLog(three!, 'DEBUG', 'INFO', `x${text}é`)!), {
        kind: 'log',
        severity: 'info',
        message: `x${text}é`,
      })
      const failure = formatFailure(new IpcFailure('proxy', `x${text}`, one))
      assert.deepEqual(parseLine(failure), { kind: 'failure', failure: 'proxy', text: `x${text}` })
      const failed = parseLine(formatServerMethodError('a', `x${text}`))
      assert.deepEqual(failed, { kind: 'method-failure', role: 'server', transport: 'a', text: `x${text}` })
    }),
  )
  for (const mode of ['socks5', 'transparent-TCP', 'transparent-UDP', 'STUN'] as const)
    assert.deepEqual(parseLine(formatClientMethod('a', mode, { host: '::1', port: 1 })), {
      kind: 'client-method',
      transport: 'a',
      protocol: mode,
      address: { host: '::1', port: 1 },
    })
})

test('throws nothing for any line', () => {
  const keyword = fc.constantFrom(...LINES.map(([line]) => line.split(' ')[0]!))
  const rest = fc.string({
    unit: fc.constantFrom('a', '1', ' ', '\\', '=', ',', ':', '.', '"', '[', ']', 'ARGS:', '\0', '\r', '\u2028'),
    maxLength: 60,
  })
  fc.assert(
    fc.property(keyword, rest, (keyword, rest) => {
      assert.equal(typeof parseLine(`${keyword} ${rest}`).kind, 'string')
    }),
  )
  fc.assert(fc.property(fc.string(), (line) => typeof parseLine(line).kind === 'string'))
})

test('takes time in proportion for a line of the longest kind', () => {
  const length = 64 * 1024
  const lines = [
    `LOG SEVERITY=info MESSAGE="${'\\'.repeat(length)}`,
    `LOG SEVERITY=info MESSAGE="${'\\123'.repeat(length / 4)}"`,
    `STATUS ${'a='.repeat(length / 2)}`,
    `STATUS ${'a=" '.repeat(length / 4)}`,
    `CMETHOD ${' '.repeat(length)}`,
    `SMETHOD a 1.2.3.4:1 ARGS:${','.repeat(length)}`,
  ]
  const begin = performance.now()
  for (const line of lines) parseLine(line)
  assert.ok(performance.now() - begin < 1_000)
})
