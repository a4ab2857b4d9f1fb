import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StartUp, type StartUpParameters } from '../../../src/host/start-up.ts'
import { parseLine } from '../../../src/ipc/parse-line.ts'

const CLIENT: StartUpParameters = {
  role: 'client',
  transports: ['a', 'b'],
  versions: ['1', '2.1'],
  proxied: false,
}
const SERVER: StartUpParameters = { ...CLIENT, role: 'server' }

/** Reads lines; those of standard error begin with "!". */
function read(parameters: StartUpParameters, lines: readonly string[]): { startUp: StartUp; left: string[] } {
  const startUp = new StartUp(parameters)
  const left = lines.filter((line) =>
    line.startsWith('!') ? !startUp.take(parseLine(line.slice(1)), 'stderr') : !startUp.take(parseLine(line), 'stdout'),
  )
  return { startUp, left }
}

test('takes the methods of a client in any order, one failed among good ones', () => {
  const { startUp, left } = read(CLIENT, [
    'hello',
    'VERSION 2.1',
    'CMETHOD-ERROR b no luck',
    'CMETHOD a socks5 127.0.0.1:9',
    'CMETHODS DONE',
  ])
  assert.equal(startUp.state, 'ready')
  assert.equal(startUp.version, '2.1')
  assert.deepEqual(
    [...startUp.methods],
    [['a', { kind: 'client', transport: 'a', protocol: 'socks5', address: { host: '127.0.0.1', port: 9 } }]],
  )
  assert.deepEqual([...startUp.failures], [['b', 'no luck']])
  assert.deepEqual(left, ['hello'])
})

test('takes the methods of a server, beyond loopback too', () => {
  const { startUp } = read(SERVER, ['VERSION 1', 'SMETHOD b 0.0.0.0:9 ARGS:k=v', 'SMETHOD a [::]:8', 'SMETHODS DONE'])
  assert.equal(startUp.state, 'ready')
  assert.deepEqual(
    [...startUp.methods.values()],
    [
      { kind: 'server', transport: 'b', address: { host: '0.0.0.0', port: 9 }, clientArguments: { k: 'v' } },
      { kind: 'server', transport: 'a', address: { host: '::', port: 8 }, clientArguments: {} },
    ],
  )
})

test('reads errors from standard error, before and after the methods, and nothing else there', () => {
  const lines = ['!VERSION 1', '!CMETHOD-ERROR b early', 'VERSION 1', 'CMETHOD a socks4 127.9.9.9:9', '!PROXY DONE']
  const { startUp, left } = read(CLIENT, [...lines, '!CMETHODS DONE'])
  assert.equal(startUp.state, 'starting')
  assert.deepEqual(left, ['!VERSION 1', '!PROXY DONE', '!CMETHODS DONE'])
  startUp.take(parseLine('CMETHODS DONE'), 'stdout')
  assert.deepEqual([...startUp.failures], [['b', 'early']])

  const late = read(CLIENT, ['VERSION 1', 'CMETHOD a socks5 [::1]:9', 'CMETHODS DONE']).startUp
  assert.deepEqual([...late.failures], [['b', 'the PT process does not know it']])
  late.take(parseLine('CMETHOD-ERROR b late'), 'stderr')
  assert.deepEqual([...late.failures], [['b', 'late']])
})

test('leaves methods that nobody asked for, and a confirmation of no proxy', () => {
  const lines = ['PROXY DONE', 'CMETHOD other socks5 127.0.0.1:1', 'CMETHOD-ERROR other x', 'LOG DEBUG x', 'STATUS A=1']
  const { startUp, left } = read(CLIENT, ['VERSION 1', ...lines, 'CMETHOD a socks5 127.0.0.1:2', 'CMETHODS DONE'])
  assert.equal(startUp.state, 'ready')
  assert.deepEqual([...startUp.methods.keys()], ['a'])
  assert.deepEqual(left, lines)
})

const PROXIED: StartUpParameters = { ...CLIENT, proxied: true }

test('is ready with a proxy when that was confirmed', () => {
  const method = 'CMETHOD a socks5 127.0.0.1:1'
  for (const lines of [
    ['PROXY DONE', method],
    [method, 'PROXY DONE'],
  ])
    assert.equal(read(PROXIED, ['VERSION 1', ...lines, 'CMETHODS DONE']).startUp.state, 'ready')
})

const FAULTS: readonly (readonly [title: string, StartUpParameters, lines: readonly string[], code: string, RegExp])[] =
  [
    ['ENV-ERROR', CLIENT, ['ENV-ERROR no state'], 'PT_HOST_FAILED', /settings: no state$/],
    ['ENV-ERROR on stderr', CLIENT, ['VERSION 1', '!ENV-ERROR x\u0007y'], 'PT_HOST_FAILED', /settings: x y$/],
    ['VERSION-ERROR', CLIENT, ['!VERSION-ERROR no-version'], 'PT_HOST_FAILED', /versions .* no-version$/],
    ['PROXY-ERROR', PROXIED, ['VERSION 1', 'PROXY-ERROR'], 'PT_HOST_PROXY', /refused the upstream proxy$/],
    [
      'a proxy that is not confirmed',
      PROXIED,
      ['VERSION 1', 'CMETHOD a socks5 127.0.0.1:1', 'CMETHODS DONE'],
      'PT_HOST_PROXY',
      /did not confirm/,
    ],
    ['a version that was not offered', CLIENT, ['VERSION 3.0'], 'PT_HOST_VERSION', /not offered/],
    ['another spelling of a version', CLIENT, ['VERSION 1.0'], 'PT_HOST_VERSION', /not offered/],
    ['two versions', CLIENT, ['VERSION 1', 'VERSION 1'], 'PT_HOST_GRAMMAR', /twice/],
    ['a method before the version', CLIENT, ['CMETHOD a socks5 127.0.0.1:1'], 'PT_HOST_GRAMMAR', /before its version$/],
    ['an error of a method before it', CLIENT, ['CMETHOD-ERROR a x'], 'PT_HOST_GRAMMAR', /before its version$/],
    ['an end before it', CLIENT, ['CMETHODS DONE'], 'PT_HOST_GRAMMAR', /before its version$/],
    ['a proxy before it', PROXIED, ['PROXY DONE'], 'PT_HOST_GRAMMAR', /before its version$/],
    ['a broken line', CLIENT, ['VERSION 1', 'CMETHOD a socks5 127.0.0.1:0'], 'PT_HOST_GRAMMAR', /^The CMETHOD line/],
    ['an address elsewhere', CLIENT, ['VERSION 1', 'CMETHOD a socks5 192.0.2.1:1'], 'PT_HOST_GRAMMAR', /loopback/],
    ['every address', CLIENT, ['VERSION 1', 'CMETHOD a socks5 0.0.0.0:1'], 'PT_HOST_GRAMMAR', /loopback/],
    [
      'a transport twice',
      CLIENT,
      ['VERSION 1', 'CMETHOD a socks5 127.0.0.1:1', 'CMETHOD a socks5 127.0.0.1:2'],
      'PT_HOST_GRAMMAR',
      /two answers for a$/,
    ],
    [
      'a method after its error',
      CLIENT,
      ['VERSION 1', 'CMETHOD-ERROR a x', 'CMETHOD a socks5 127.0.0.1:2'],
      'PT_HOST_GRAMMAR',
      /two answers for a/,
    ],
    [
      'an error after its method',
      CLIENT,
      ['VERSION 1', 'CMETHOD a socks5 127.0.0.1:2', 'CMETHOD-ERROR a x'],
      'PT_HOST_GRAMMAR',
      /two answers for a/,
    ],
    ["a server's method", CLIENT, ['VERSION 1', 'SMETHOD a 127.0.0.1:1'], 'PT_HOST_GRAMMAR', /server's method$/],
    ["a server's end", CLIENT, ['VERSION 1', 'SMETHODS DONE'], 'PT_HOST_GRAMMAR', /methods of a server$/],
    [
      'a server on another port than it was told',
      { ...SERVER, bind: { a: { host: '192.0.2.1', port: 5 } } },
      ['VERSION 1', 'SMETHOD a 192.0.2.1:6'],
      'PT_HOST_GRAMMAR',
      /^The PT process says that a listens on another port than it was told$/,
    ],
    [
      'a server on another address than it was told',
      { ...SERVER, bind: { a: { host: '192.0.2.1', port: 0 } } },
      ['VERSION 1', 'SMETHOD a 192.0.2.2:6'],
      'PT_HOST_GRAMMAR',
      /^The PT process says that a listens on another address than it was told$/,
    ],
    ['no method at all', SERVER, ['VERSION 1', 'SMETHODS DONE'], 'PT_HOST_FAILED', /none of the transports$/],
    [
      'errors alone, one told late',
      SERVER,
      ['VERSION 1', '!SMETHOD-ERROR a port taken', 'SMETHODS DONE', '!SMETHOD-ERROR b no key'],
      'PT_HOST_FAILED',
      /none of the transports; a: port taken; b: no key$/,
    ],
  ]

for (const [title, parameters, lines, code, message] of FAULTS)
  test(`fails by ${title}`, () => {
    const { startUp } = read(parameters, lines)
    assert.equal(startUp.state, 'failed')
    const error = startUp.toError()
    assert.equal(error.code, code)
    assert.match(error.message, message)
  })
