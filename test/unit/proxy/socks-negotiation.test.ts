import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type NegotiationStep, SocksNegotiation } from '../../../src/proxy/socks-negotiation.ts'
import { encodeSocks4Request } from '../../../src/wire/socks4.ts'
import { encodeCredentials, encodeMethods, encodeParameters, encodeSocks5Request } from '../../../src/wire/socks5.ts'

const DESTINATION = { host: '192.0.2.1', port: 443 }
const REQUEST = encodeSocks5Request(DESTINATION)
const AHEAD = Buffer.from('sent ahead')
const ARGUMENTS = { cert: 'x'.repeat(300), 'iat-mode': '1' }
const TEXT = Buffer.from(`cert=${'x'.repeat(300)};iat-mode=1`)
const CREDENTIALS = encodeCredentials({ username: TEXT.subarray(0, 255), password: TEXT.subarray(255) })

const CONVERSATIONS = {
  'SOCKS4 with USERID': [encodeSocks4Request(DESTINATION, TEXT)],
  'SOCKS5 with user name and password': [encodeMethods([0, 2]), CREDENTIALS, REQUEST],
  'SOCKS5 with a JSON block': [encodeMethods([9]), encodeParameters(Buffer.from(JSON.stringify(ARGUMENTS))), REQUEST],
}

/** Gives the pieces one after the other until the request is there or refused. */
function negotiate(negotiation: SocksNegotiation, pieces: readonly Buffer[]): NegotiationStep {
  let step = negotiation.receive(Buffer.alloc(0))
  let wire = step.wire
  for (const [index, piece] of pieces.entries()) {
    step = negotiation.receive(piece)
    wire = Buffer.concat([wire, step.wire])
    if (step.state === 'requested') {
      return { ...step, wire, ahead: Buffer.concat([step.ahead, ...pieces.slice(index + 1)]) }
    }
    if (step.state === 'refused') break
  }
  return { ...step, wire }
}

function refuse(...pieces: readonly Buffer[]): string {
  const step = negotiate(new SocksNegotiation(), pieces)
  assert.equal(step.state, 'refused')
  return step.wire.toString('hex')
}

for (const [name, messages] of Object.entries(CONVERSATIONS)) {
  test(`finds request, arguments and bytes sent ahead in ${name}, in any pieces`, () => {
    const whole = Buffer.concat([...messages, AHEAD])
    fc.assert(
      fc.property(fc.array(fc.nat(whole.length), { maxLength: 30 }), (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), whole.length]
        const pieces = edges.slice(1).map((edge, index) => whole.subarray(edges[index], edge))
        const step = negotiate(new SocksNegotiation(), pieces)
        assert.ok(step.state === 'requested')
        assert.deepEqual(step.request.destination, DESTINATION)
        assert.deepEqual({ ...step.request.arguments }, ARGUMENTS)
        assert.equal(step.request.form, name.includes('JSON') ? 'json' : 'pairs')
        assert.equal(step.ahead.toString(), AHEAD.toString())
      }),
    )
  })
}

test('keeps all bytes sent ahead, however many come in one piece', () => {
  const ahead = randomBytes(300_000)
  const step = new SocksNegotiation().receive(Buffer.concat([encodeMethods([0]), REQUEST, ahead]))
  assert.ok(step.state === 'requested')
  assert.ok(step.ahead.equals(ahead))
})

test('answers each message of a client that waits', () => {
  const negotiation = new SocksNegotiation()
  const answers = CONVERSATIONS['SOCKS5 with user name and password'].map((piece) => negotiation.receive(piece).wire)
  assert.deepEqual(answers, [Buffer.of(5, 2), Buffer.of(1, 0), Buffer.alloc(0)])
})

test('takes the first four bytes of a JSON block for its length, the highest first', () => {
  const block = JSON.stringify(ARGUMENTS)
  assert.equal(block.length, 0x01_46)
  const step = negotiate(new SocksNegotiation(), [Buffer.of(5, 1, 9, 0, 0, 1, 0x46), Buffer.from(block), REQUEST])
  assert.ok(step.state === 'requested')
  assert.deepEqual({ ...step.request.arguments }, ARGUMENTS)
})

test('answers nothing to a good JSON block', () => {
  const negotiation = new SocksNegotiation()
  const answers = CONVERSATIONS['SOCKS5 with a JSON block'].map((piece) => negotiation.receive(piece).wire)
  assert.deepEqual(answers, [Buffer.of(5, 9), Buffer.alloc(0), Buffer.alloc(0)])
})

test('prefers JSON to arguments, and arguments to none', () => {
  const choice = (...methods: number[]): number => new SocksNegotiation().receive(encodeMethods(methods)).wire[1]!
  assert.deepEqual([choice(0, 2, 9), choice(9, 0), choice(0, 2), choice(1, 0)], [9, 9, 2, 0])
})

test('refuses a client all of whose methods are others', () => {
  assert.equal(refuse(encodeMethods([1, 3])), '05ff')
  assert.equal(refuse(encodeMethods([])), '05ff')
})

test('takes a password of one NUL for none', () => {
  const credentials = encodeCredentials({ username: Buffer.from('k=v'), password: Buffer.of(0) })
  const step = negotiate(new SocksNegotiation(), [encodeMethods([2]), credentials, REQUEST])
  assert.ok(step.state === 'requested')
  assert.deepEqual({ ...step.request.arguments }, { k: 'v' })
})

test('refuses user name and password that hold no arguments with 01 01', () => {
  const credentials = encodeCredentials({ username: Buffer.from('alice'), password: Buffer.from('secret') })
  assert.equal(refuse(encodeMethods([2]), credentials), '05020101')
  assert.equal(refuse(encodeMethods([2]), Buffer.of(9)), '05020101')
})

test('refuses what it does not serve with the reply that says so', () => {
  const reply = (code: string): string => `050005${code}0001000000000000`
  assert.equal(refuse(encodeMethods([0]), Buffer.from('05020001c000020101bb', 'hex')), reply('07'))
  assert.equal(refuse(encodeMethods([0]), Buffer.from('05030001c000020101bb', 'hex')), reply('07'))
  assert.equal(refuse(encodeMethods([0]), Buffer.from('05010002', 'hex')), reply('08'))
  assert.equal(refuse(encodeMethods([0]), Buffer.from('0501000300', 'hex'), Buffer.from('0050', 'hex')), reply('01'))
  assert.equal(refuse(encodeMethods([0]), Buffer.of(4)), reply('01'))
})

test('refuses in SOCKS4 by 5B', () => {
  assert.equal(refuse(Buffer.from('040201bbc000020100', 'hex')), '005b000000000000')
  assert.equal(refuse(encodeSocks4Request(DESTINATION, Buffer.from('root'))), '005b000000000000')
})

test('answers a bad JSON block by its four errors as soon as it is known', () => {
  const error = (code: string): string => `050905${code}0001000000000000`
  assert.equal(refuse(encodeMethods([9]), Buffer.from('00010001', 'hex')), error('10'))
  assert.equal(refuse(encodeMethods([9]), encodeParameters(Buffer.from('{'))), error('12'))
  assert.equal(refuse(encodeMethods([9]), encodeParameters(Buffer.alloc(0))), error('12'))
  assert.equal(refuse(encodeMethods([9]), encodeParameters(Buffer.from('[]'))), error('13'))
  const negotiation = new SocksNegotiation(() => {
    throw new Error('not for this transport')
  })
  const step = negotiate(negotiation, [encodeMethods([9]), encodeParameters(Buffer.from('{}'))])
  assert.equal(step.wire.toString('hex'), error('13'))
  const late = new SocksNegotiation()
  late.receive(encodeMethods([9]))
  assert.equal(`0509${late.expire().toString('hex')}`, error('11'))
})

test('answers a time-out in the words of the stage', () => {
  const expired = (...pieces: Buffer[]): string => {
    const negotiation = new SocksNegotiation()
    for (const piece of pieces) negotiation.receive(piece)
    return negotiation.expire().toString('hex')
  }
  assert.equal(expired(), '')
  assert.equal(expired(Buffer.of(5)), '')
  assert.equal(expired(encodeMethods([2])), '0101')
  assert.equal(expired(encodeMethods([0])), '05060001000000000000')
  assert.equal(expired(Buffer.of(4)), '005b000000000000')
})

test('refuses what is not SOCKS without an answer', () => {
  assert.equal(refuse(Buffer.from('GET / HTTP/1.1\r\n\r\n')), '')
})

test('survives any bytes, and holds no more than its limit', () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 })
  const first = fc.constantFrom(Buffer.of(4), Buffer.of(5, 1, 0), Buffer.of(5, 1, 2, 1), Buffer.of(5, 1, 9, 0, 0))
  fc.assert(
    fc.property(first, pieces, (start, rest) => {
      const step = negotiate(new SocksNegotiation(), [start, ...rest.map((piece) => Buffer.from(piece))])
      assert.ok(['incomplete', 'requested', 'refused'].includes(step.state))
    }),
  )
  assert.equal(refuse(Buffer.from('0401005001010101', 'hex'), Buffer.alloc(70_000, 'a')), '005b000000000000')
})
