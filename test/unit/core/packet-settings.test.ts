import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DATAGRAM_IDLE_TIMEOUT_MS,
  DEFAULT_PACKET_LIMITS,
  type PacketDefaults,
  resolveListenPackets,
  resolvePacketOptions,
} from '../../../src/core/packet-settings.ts'

const stream: PacketDefaults = { transport: 'plain', hasDatagrams: false, role: 'client' }
const datagrams: PacketDefaults = { ...stream, hasDatagrams: true }

test('packets go over the stream with a length prefix by default, or as the datagrams that a transport has', () => {
  assert.deepEqual(resolvePacketOptions({}, stream), { framing: 'length-prefix', limits: DEFAULT_PACKET_LIMITS })
  assert.equal(resolvePacketOptions({}, datagrams).framing, 'datagrams')
  assert.equal(resolvePacketOptions({ framing: 'stun' }, datagrams).framing, 'stun')
})

test('datagrams are refused where the transport has none', () => {
  assert.throws(() => resolvePacketOptions({ framing: 'datagrams' }, stream), {
    code: 'PT_PACKETS_UNSUPPORTED',
    message: /plain/,
  })
})

test("only a server's peers of datagrams end by default when they are idle", () => {
  const idle = (defaults: PacketDefaults, idleTimeoutMs?: number) =>
    resolvePacketOptions(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }, defaults).limits.idleTimeoutMs
  assert.equal(idle({ ...datagrams, role: 'server' }), DATAGRAM_IDLE_TIMEOUT_MS)
  assert.equal(idle({ ...datagrams, role: 'server' }, 0), 0)
  assert.equal(idle(datagrams), 0)
  assert.equal(idle({ ...stream, role: 'server' }), 0)
})

test('a limit must be a whole number that is not negative', () => {
  for (const name of Object.keys(DEFAULT_PACKET_LIMITS))
    for (const value of [-1, 1.5, Number.NaN, Infinity, '1'])
      assert.throws(() => resolvePacketOptions({ [name]: value }, stream), {
        code: 'PT_OPTION_INVALID',
        message: new RegExp(name),
      })
  assert.throws(() => resolvePacketOptions({ idleTimeoutMs: 2 ** 31 }, stream), { code: 'PT_OPTION_INVALID' })
  assert.equal(resolvePacketOptions({ maxQueuedPackets: 0 }, stream).limits.maxQueuedPackets, 0)
})

test('a framing that does not exist is refused', () => {
  for (const framing of ['', 'STUN', 'toString', 1])
    assert.throws(() => resolvePacketOptions({ framing } as object, stream), { code: 'PT_OPTION_INVALID' })
})

test('connectPackets() lets options of others through, but no mistyped one of its own', () => {
  resolvePacketOptions({ host: 'a', port: 1, timeout: 3, agent: {} } as object, stream)
  assert.throws(() => resolvePacketOptions({ maxSendBufer: 1 } as object, stream), {
    code: 'PT_OPTION_UNKNOWN',
    message: /"maxSendBuffer"/,
  })
})

test('the option packets of listen() is true or options, none of them unknown', () => {
  assert.deepEqual(resolveListenPackets(true, stream), resolvePacketOptions({}, stream))
  assert.equal(resolveListenPackets({ framing: 'stun' }, stream).framing, 'stun')
  for (const given of [false, null, 1, 'stun', []])
    assert.throws(() => resolveListenPackets(given, stream), { code: 'PT_OPTION_INVALID' })
  assert.throws(() => resolveListenPackets({ host: 'a' }, stream), { code: 'PT_OPTION_UNKNOWN', message: /"host"/ })
})
