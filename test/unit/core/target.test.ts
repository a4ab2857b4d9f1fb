import assert from 'node:assert/strict'
import process from 'node:process'
import { test } from 'node:test'
import { normalizeConnect, normalizeListen } from '../../../src/core/target.ts'

const call = (): void => undefined
const socketPathLimit = process.platform === 'linux' ? 107 : 103

function refuses(normalize: (args: unknown[]) => unknown, args: unknown[], about: RegExp): void {
  assert.throws(() => normalize(args), { name: 'PtError', code: 'PT_ADDRESS_INVALID', message: about })
}

test('normalizeConnect takes every form that net.connect takes', () => {
  const tcp = { host: '192.0.2.1', port: 443 }
  const cases: [unknown[], object][] = [
    [[tcp], tcp],
    [[{ ...tcp, port: '443' }], tcp],
    [[443, '192.0.2.1'], tcp],
    [['443', '192.0.2.1'], tcp],
    [[443], { host: 'localhost', port: 443 }],
    [[443, undefined], { host: 'localhost', port: 443 }],
    [[{ port: 443, host: undefined }], { host: 'localhost', port: 443 }],
    [['/run/pt.sock'], { path: '/run/pt.sock' }],
    [[{ path: 'pt.sock' }], { path: 'pt.sock' }],
    [[{ host: '2001:db8::1', port: 1 }], { host: '2001:db8::1', port: 1 }],
    [[{ host: '[2001:db8::1]', port: 65_535 }], { host: '2001:db8::1', port: 65_535 }],
    [[{ host: 'fe80::1%eth0', port: 1 }], { host: 'fe80::1%eth0', port: 1 }],
    [[{ host: 'bridge.example', port: 1 }], { host: 'bridge.example', port: 1 }],
  ]
  for (const [args, address] of cases) {
    assert.deepEqual(normalizeConnect(args).told.address, address)
    assert.equal(normalizeConnect(args).listener, undefined)
    assert.deepEqual(normalizeConnect([...args, call]).told.address, address)
    assert.equal(normalizeConnect([...args, call]).listener, call)
  }
})

test('normalizeConnect copies and freezes the options', () => {
  const options = { port: 443, noDelay: true }
  const normalized = normalizeConnect([options])
  options.noDelay = false
  assert.equal(normalized.options.noDelay, true)
  assert.ok(Object.isFrozen(normalized.options) && Object.isFrozen(normalized.told))
})

test('normalizeConnect refuses a port that nothing can listen on', () => {
  for (const port of [0, -1, 65_536, 1.5, Number.NaN, Infinity, '0', '-1', '1e3', '0x50', ' 80', '', true, 80n, {}])
    refuses(normalizeConnect, [{ port, host: 'localhost' }], /port must be an integer from 1 to 65535/)
  refuses(normalizeConnect, [0], /port/)
  refuses(normalizeConnect, [Number.NaN, 'localhost'], /port/)
})

test('normalizeConnect refuses a host that is not one, and does not repeat it', () => {
  const hosts = [
    '',
    ' ',
    'a b',
    'a\0b',
    'a\nb',
    '[::1',
    '::1]',
    '[localhost]',
    '1.2.3.4:80',
    'a\u200bb',
    'a/b',
    5,
    'x'.repeat(256),
  ]
  for (const host of hosts) {
    refuses(normalizeConnect, [{ port: 80, host }], /host/i)
    assert.throws(
      () => normalizeConnect([80, host]),
      (error: Error) => String(host).trim().length < 3 || !error.message.includes(String(host)),
    )
  }
})

test('normalizeConnect takes a target, an address of TCP beside the one that is dialled', () => {
  const { told } = normalizeConnect([{ path: '/a', target: { host: '[::1]', port: '80' } }])
  assert.deepEqual(told, { address: { path: '/a' }, target: { host: '::1', port: 80 } })
  assert.equal(normalizeConnect([80]).told.target, undefined)
})

test('normalizeConnect refuses a target that cannot be asked for', () => {
  refuses(normalizeConnect, [{ port: 80, target: 'example.net:80' }], /target must be an object/)
  refuses(normalizeConnect, [{ port: 80, target: { host: 'example.net', port: 0 } }], /port/)
  refuses(normalizeConnect, [{ port: 80, target: { port: 80 } }], /host/)
})

test('normalizeConnect refuses both a path and a port, and neither', () => {
  refuses(normalizeConnect, [{ path: '/a', port: 80 }], /not both/)
  refuses(normalizeConnect, [{ path: '/a', host: 'localhost' }], /not both/)
  for (const args of [[], [{}], [undefined], [null], [call], [{ host: 'localhost' }]])
    refuses(normalizeConnect, args, /port or a path must be given/)
})

test('normalizeConnect refuses a path that the system would cut short', () => {
  const longest = `/${'é'.repeat(Math.floor((socketPathLimit - 1) / 2))}`.padEnd(socketPathLimit - 53, 'x')
  assert.equal(Buffer.byteLength(longest), socketPathLimit)
  assert.deepEqual(normalizeConnect([longest]).told.address, { path: longest })
  refuses(normalizeConnect, [`${longest}x`], /at most \d+ bytes/)
  refuses(normalizeConnect, [{ path: '' }], /path/)
  refuses(normalizeConnect, [{ path: 'a\0b' }], /NUL/)
  refuses(normalizeConnect, [{ path: 5 }], /path/)
})

test('normalizeListen takes every form that net.Server.listen takes', () => {
  const cases: [unknown[], object][] = [
    [[], { port: 0 }],
    [[undefined], { port: 0 }],
    [[0], { port: 0 }],
    [['8080', '::'], { port: 8080, host: '::' }],
    [[8080, '[::1]'], { port: 8080, host: '::1' }],
    [['/run/pt.sock'], { path: '/run/pt.sock' }],
    [
      [{ port: 1, backlog: 5, ipv6Only: true, exclusive: false }],
      { port: 1, backlog: 5, ipv6Only: true, exclusive: false },
    ],
    [[{ path: 'a', readableAll: true }], { path: 'a', readableAll: true }],
  ]
  for (const [args, address] of cases) {
    assert.deepEqual(normalizeListen(args).address, address)
    assert.deepEqual(normalizeListen([...args, call]).address, address)
    assert.equal(normalizeListen([...args, call]).listener, call)
  }
})

test('normalizeListen keeps limits in the options and out of the address', () => {
  const { options, address } = normalizeListen([{ port: '8080', maxConnections: 3 }])
  assert.deepEqual(address, { port: 8080 })
  assert.deepEqual(options, { port: 8080, maxConnections: 3 })
})

test('normalizeListen refuses what cannot be listened on', () => {
  refuses(normalizeListen, [65_536], /port must be an integer from 0/)
  refuses(normalizeListen, [{ port: 1, path: 'a' }], /not both/)
  refuses(normalizeListen, [{ host: '::' }], /port or a path/)
  refuses(normalizeListen, [{}], /port or a path/)
  refuses(normalizeListen, [{ port: 1, host: '' }], /empty/)
  refuses(normalizeListen, [{ port: 1, backlog: -1 }], /backlog/)
  refuses(normalizeListen, [`/${'x'.repeat(socketPathLimit)}`], /at most/)
})

test('null is absent, as http.Agent gives it', () => {
  const { address } = normalizeConnect([{ host: '127.0.0.1', port: 80, path: null, signal: null }]).told
  assert.deepEqual(address, { host: '127.0.0.1', port: 80 })
})

const NO_SIGNALS = ['x', 5, {}, new AbortController(), { aborted: false }, new EventTarget()]

test('a signal that is none is refused, and one of another realm is taken', () => {
  for (const normalize of [normalizeConnect, normalizeListen]) {
    for (const signal of NO_SIGNALS)
      assert.throws(() => normalize([{ port: 1, signal }]), {
        name: 'PtError',
        code: 'PT_OPTION_INVALID',
        message: /"signal" must be an AbortSignal/,
      })
    const { signal } = new AbortController()
    assert.equal(normalize([{ port: 1, signal }]).options.signal, signal)
    const foreign = Object.assign(new EventTarget(), { aborted: false })
    assert.equal(normalize([{ port: 1, signal: foreign }]).options.signal, foreign)
  }
})

test('a mistyped limit of listen() is refused, and the right one told', () => {
  const near = { maxHandshake: 'maxHandshakes', maxconnections: 'maxConnections', max_handshakes: 'maxHandshakes' }
  for (const [key, name] of Object.entries({ ...near, maxConections: 'maxConnections', backLog: 'backlog' }))
    assert.throws(() => normalizeListen([{ port: 1, [key]: 1 }]), {
      name: 'PtError',
      code: 'PT_OPTION_UNKNOWN',
      message: new RegExp(`"${key}"; did you mean "${name}"\\?$`),
    })
})

test('other unknown options are let through, as libraries give all of their own', () => {
  const agents = {
    servername: '',
    agent: undefined,
    _agentKey: 'x',
    headers: {},
    maxSockets: 5,
    method: 'GET',
    hots: 1,
  }
  assert.deepEqual(normalizeConnect([{ ...agents, port: 1, host: '::1' }]).told.address, { port: 1, host: '::1' })
  const servers = { reusePort: true, blockList: {}, fd: 3, maxHeaderSize: 1, maxRequestsPerSocket: 1, highWaterMark: 1 }
  assert.deepEqual(normalizeListen([{ ...servers, port: 1, host: '::1' }]).address, { port: 1, host: '::1' })
})
