import assert from 'node:assert/strict'
import fc from 'fast-check'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { ClientTunnelCodec, ServerTunnelCodec } from '../../src/transports/webtunnel/tunnel-codec.ts'
import { encodeRequest, encodeResponse } from '../../src/transports/webtunnel/upgrade.ts'
import { decodeHttpHead } from '../../src/wire/http-head.ts'
import { decodeProxyHeader } from '../../src/wire/proxy-protocol.ts'
import { bytes, fuzz, mutate, mutations } from '../support/fuzz.ts'

const binary = Buffer.from('0d0a0d0a000d0a515549540a2111000ccb007107c0000201126701bb', 'hex')
const text = Buffer.from('PROXY TCP4 203.0.113.7 192.0.2.1 4711 443\r\n')
const heads = [encodeRequest('/secret', 'bridge.example'), encodeResponse(), binary, text]
const cuts = fc.array(fc.nat(400), { maxLength: 6 })

/** Feeds bytes in pieces to a codec until it closes; returns what it delivered. */
function feed(codec: ClientTunnelCodec | ServerTunnelCodec, all: Buffer, at: readonly number[]): Buffer | undefined {
  const data: Uint8Array[] = []
  const borders = [...at].sort((a, b) => a - b)
  let isOpen = false
  for (const [index, start] of [0, ...borders].entries()) {
    const piece = Buffer.from(all.subarray(start, borders[index] ?? all.length))
    if (piece.length === 0) continue
    const step = codec.receive(piece)
    if (step.close !== undefined) return undefined
    isOpen ||= step.established === true
    if (step.data !== undefined) data.push(step.data)
  }
  return isOpen ? Buffer.concat(data) : undefined
}

fuzz(
  'any chopping of an exchange delivers what follows it, and nothing else does',
  fc.record({ follows: bytes(300), cuts }),
  ({ follows, cuts: at }) => {
    const [request, response] = heads as [Buffer, Buffer]
    const rest = Buffer.from(follows)
    const client = feed(new ClientTunnelCodec(request), Buffer.concat([response, rest]), at)
    assert.deepEqual(client, rest)
    if (rest.length > 0)
      assert.deepEqual(feed(new ServerTunnelCodec(new FakeClock()), Buffer.concat([request, rest]), at), rest)
  },
)

fuzz(
  'altered heads throw in no parser, and the same bytes give the same in pieces',
  fc.record({ which: fc.nat(heads.length - 1), mutation: mutations, noise: bytes(200), cuts }),
  ({ which, mutation, noise, cuts: at }) => {
    const input = Buffer.from(mutate(Buffer.concat([heads[which]!, noise]), mutation))
    for (const decode of [decodeProxyHeader, (head: Buffer) => decodeHttpHead(head, 16_384)]) {
      const whole = decode(input)
      if (typeof whole === 'object') assert.ok(whole.length <= input.length)
      for (let length = 0; length < input.length; length += 7) {
        const part = decode(input.subarray(0, length))
        if (typeof part === 'object') assert.deepEqual(part, whole)
        if (part === 'malformed') assert.equal(whole, 'malformed')
      }
    }
    for (const make of [() => new ClientTunnelCodec(heads[0]!), () => new ServerTunnelCodec(new FakeClock())])
      assert.deepEqual(feed(make(), input, at), feed(make(), input, at.slice(1)))
  },
)
