import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readClient, readFailure, readServer } from './reading.ts'

const CLIENT = '-transport obfs4 -udp'
const SERVER = '-server -transport obfs4 -target 127.0.0.1:1'

test('keeps a connection 120 s without a packet and 64 packets for it, unless told otherwise', () => {
  const config = readClient({ flags: CLIENT })
  assert.deepEqual([config.udpIdleTimeoutMs, config.udpQueue], [120_000, 64])
})

test('reads how long packets are waited for, and how many wait', () => {
  const config = readClient({ flags: `${CLIENT} -udpIdleTimeout 30 -udpQueue 0` })
  assert.deepEqual([config.udpIdleTimeoutMs, config.udpQueue], [30_000, 0])
  assert.equal(readServer({ flags: `${SERVER} -udp -udpIdleTimeout 1` }).udpIdleTimeoutMs, 1_000)
})

test('takes packets to -target, or -orport, where an Extended ORPort is given too', () => {
  for (const flags of [SERVER, '-server -transport obfs4 -orport 127.0.0.1:1'])
    for (const mode of ['STUN', 'transparent-UDP'])
      assert.deepEqual(readServer({ flags: `${flags} -extorport 127.0.0.1:2 -mode ${mode}` }).application, {
        kind: 'plain',
        address: { host: '127.0.0.1', port: 1 },
      })
})

test('takes streams to the Extended ORPort where both are given', () => {
  const config = readServer({ flags: `${SERVER} -extorport 127.0.0.1:2 -authcookie f` })
  assert.equal(config.application.kind, 'extended-orport')
})

for (const [title, flags, words] of [
  ['transparent-UDP in version 1', '-transport obfs4 -transparent -udp -ptversion 1', ['transparent-UDP', '1']],
  ['STUN in version 1', `${CLIENT} -ptversion 1`, ['STUN', '1']],
  [
    'packets for an Extended ORPort alone',
    '-server -transport obfs4 -extorport 127.0.0.1:1 -authcookie f -mode STUN',
    ['-extorport', 'STUN', '-target'],
  ],
  ['an idle time-out of 0', `${CLIENT} -udpIdleTimeout 0`, ['-udpIdleTimeout', '1']],
  ['an idle time-out past any timer', `${CLIENT} -udpIdleTimeout 2147484`, ['-udpIdleTimeout', '2147483']],
  ['an idle time-out that is no number', `${CLIENT} -udpIdleTimeout 2m`, ['-udpIdleTimeout']],
  ['a queue below 0', `${CLIENT} -udpQueue=-1`, ['-udpQueue', '0']],
  ['a queue without packets', '-transport obfs4 -udpQueue 1', ['-udpQueue', 'socks5', 'STUN']],
  [
    'an idle time-out without packets',
    '-transport obfs4 -transparent -udpIdleTimeout 1',
    ['-udpIdleTimeout', 'transparent-TCP'],
  ],
  ["a queue of a server's", `${SERVER} -udp -udpQueue 1`, ['-udpQueue', 'client']],
] as const)
  test(`refuses ${title}, and says so`, () => {
    const failure = readFailure({ flags })
    assert.equal(failure.kind, 'env')
    for (const word of words) assert.ok(failure.text.includes(word), failure.text)
  })
