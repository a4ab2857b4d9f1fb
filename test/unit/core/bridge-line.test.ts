import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { type BridgeLine, formatBridgeLine, parseBridgeLine } from '../../../src/core/bridge-line.ts'
import { PtError } from '../../../src/core/errors.ts'
import type { BoundAddress } from '../../../src/core/platform.ts'

const FINGERPRINT = 'A0B1C2D3E4F5061728394A5B6C7D8E9F00112233'
const CERT = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/ABCDEF'
const LINE = `Bridge obfs4 192.0.2.7:8443 ${FINGERPRINT} cert=${CERT} iat-mode=0`
const PARSED: BridgeLine = {
  transport: 'obfs4',
  host: '192.0.2.7',
  port: 8443,
  fingerprint: FINGERPRINT,
  arguments: { cert: CERT, 'iat-mode': '0' },
}

function refuses(text: string, about: RegExp): void {
  assert.throws(
    () => parseBridgeLine(text),
    (error) => {
      assert.ok(error instanceof PtError)
      assert.equal(error.code, 'PT_BRIDGE_LINE_INVALID')
      assert.match(error.message, about)
      assert.doesNotMatch(error.message, /ABCDEFGH|192\.0\.2|example|2001:db8|\n/)
      return true
    },
  )
}

test('parses a whole bridge line into a frozen value', () => {
  const line = parseBridgeLine(LINE)
  assert.deepEqual(line, PARSED)
  assert.ok(Object.isFrozen(line) && Object.isFrozen(line.arguments))
})

const PASTED: readonly (readonly [what: string, text: string])[] = [
  ['no "Bridge"', LINE.slice(7)],
  ['"bridge" in another case', `bRIDGE${LINE.slice(6)}`],
  ['"Bridge:"', `Bridge:${LINE.slice(6)}`],
  ['white space around and between', `  \t${LINE.replaceAll(' ', ' \t  ')}\r\n`],
  ['no-break and other Unicode spaces', LINE.replaceAll(' ', '\u00A0\u2003').replace('\u2003', '\u3000')],
  ['a byte order mark, zero-width and bidi characters', `\uFEFF\u200E${LINE.split('').join('\u200B')}\u202C\u2069`],
  ['a lower-case fingerprint', LINE.replace(FINGERPRINT, FINGERPRINT.toLowerCase())],
  ['a fingerprint with $', LINE.replace(FINGERPRINT, `$${FINGERPRINT}`)],
  ['a fingerprint in groups', LINE.replace(FINGERPRINT, FINGERPRINT.replaceAll(/(.{4})(?!$)/g, '$1 '))],
  ['a line break for every space', LINE.replaceAll(' ', '\r\n')],
  ['a cert broken over two lines', LINE.replace(CERT, `${CERT.slice(0, 6)}\n${CERT.slice(6)}`)],
  ['a cert broken over three lines', LINE.replace(CERT, CERT.replaceAll(/(.{30})/g, '$1\r\n'))],
  ['a cert begun on the next line', LINE.replace('cert=', 'cert=\n')],
  ['a break beside the colon of the address', LINE.replace(':8443', ':\n8443')],
  ['the marks of an answered mail', `> ${LINE.replace(' cert', '\n> > cert')}`],
  ['ASCII quotes', `"${LINE}"`],
  ['back-ticks', '```\n' + LINE + '\n```'],
  ['typographic quotes', `“${LINE}”`],
  ['typographic quotes around a value', LINE.replace(CERT, `“${CERT}”`)],
  ['the full stop of a sentence', `${LINE}.`],
  ['quotes and a full stop', `“${LINE}”.`],
  ['a typographic hyphen', LINE.replace('iat-mode', 'iat\u2011mode')],
  ['a break after the hyphen of iat-mode', LINE.replace('iat-', 'iat-\n')],
  ['a break before the hyphen of iat-mode', LINE.replace('iat-', 'iat\n> -')],
  ['a break after the sign of iat-mode', LINE.replace('iat-mode=', 'iat-mode=\n')],
  ['breaks at every sign of iat-mode', `${LINE.replace('iat-mode=', 'iat\u2010\r\nmode\n=\n')}.`],
  ['a break after a dot of the address', LINE.replace('192.0.', '192.0.\n')],
  ['a break before a dot of the address', LINE.replace('192.0', '192\n> .0')],
  ['a break at every dot of the address and at its colon', LINE.replace('192.0.2.7:', '192.\n0\n.2.\n7\n:')],
  ...['- ', '* ', '• ', '– ', '1. ', '12) ', '> - '].map((mark) => [`the list mark "${mark}"`, mark + LINE] as const),
  ['a list mark before quotes', `- "${LINE}"`],
  [
    'line and paragraph separators and the next-line control',
    LINE.replace(' ', '\u2028').replace(' ', '\u2029').replace(' ', '\u0085'),
  ],
  ['a mail mark after a next-line control', LINE.replace(' cert', '\u0085> cert')],
  ['variation selectors, joiners and tags', LINE.split('').join('\uFE0F').replace('=', '=\u034F\u3164\u{E0041}')],
  ['full-width signs', LINE.replace(':', '：').replaceAll('=', '＝')],
]

for (const [what, text] of PASTED) {
  test(`forgives ${what}`, () => assert.deepEqual(parseBridgeLine(text), PARSED))
}

test('joins a padded cert that is wrapped before its end', () => {
  const text = LINE.replace(CERT, `${CERT.slice(0, 60)}\n${CERT.slice(60)}==`)
  assert.equal(parseBridgeLine(text).arguments['cert'], `${CERT}==`)
})

test('joins an IPv6 address that is broken within its brackets', () => {
  for (const address of [
    '[2001:db8::\n7]:443',
    '[2001:d\nb8:\n:7]:443',
    '[\n2001:db8::7\n]:443',
    '[2001:db8::7]\n:443',
  ])
    assert.deepEqual(parseBridgeLine(`obfs4 ${address} ${FINGERPRINT}`), {
      transport: 'obfs4',
      host: '2001:db8::7',
      port: 443,
      fingerprint: FINGERPRINT,
      arguments: {},
    })
})

test('keeps refusing breaks of which nobody can tell what they broke', () => {
  refuses('obfs4 19\n2.0.2.7:443', /host:port/)
  refuses('obfs4 10.\n192.0.2.7:443', /host:port/)
  refuses('obfs4 192.0.2.\n7\n443', /host:port/)
  refuses('obfs4 a.\nexample:443', /host:port/)
  refuses('obfs4 [2001:db8::7\nobfs4]:443', /host:port/)
  refuses(`obfs4 192.0.2.7:4\n43 ${FINGERPRINT}`, /fingerprint/)
  refuses(`obfs4 192.0.2.7:443 cert=${CERT} iat-\nmode=7`, /key=value/)
  refuses(`obfs4 192.0.2.7:443 cert=${CERT} other-\nkey=0`, /key=value/)
  refuses(`obfs4 192.0.2.7:443 cert=${CERT} other=\n0`, /key=value/)
  refuses(`obfs4 192.0.2.7:443 cert=${CERT} iat-mode=\n0=`, /key=value/)
  refuses(`- ${LINE}\n- ${LINE}`, /key=value/)
  refuses(`-${LINE}`, /begin with the name/)
})

test('takes lines without fingerprint or arguments, names and IPv6 addresses', () => {
  assert.deepEqual(parseBridgeLine('obfs3 bridge.example:1'), {
    transport: 'obfs3',
    host: 'bridge.example',
    port: 1,
    arguments: {},
  })
  const line = parseBridgeLine('webtunnel [2001:db8::7]:443 url=https://a.example/x?y=z ver=0.0.1 empty=')
  assert.equal(line.host, '2001:db8::7')
  assert.deepEqual(line.arguments, { url: 'https://a.example/x?y=z', ver: '0.0.1', empty: '' })
  assert.equal('fingerprint' in line, false)
})

test('takes keys of the prototype for keys', () => {
  const line = parseBridgeLine('x 192.0.2.7:1 __proto__=a constructor=b')
  assert.deepEqual(Object.entries(line.arguments), [
    ['__proto__', 'a'],
    ['constructor', 'b'],
  ])
})

test('says what is wrong, and never repeats address or cert', () => {
  refuses('', /empty/)
  refuses(' \u200B\n', /empty/)
  refuses('Bridge', /empty/)
  refuses('Bridge 192.0.2.7:443', /no transport/)
  refuses('meek-lite 192.0.2.7:443', /begin with the name of a transport/)
  refuses('obfs4', /no address/)
  refuses('obfs4 192.0.2.7', /host:port/)
  refuses('obfs4 2001:db8::7:443', /in brackets/)
  refuses('obfs4 [192.0.2.7]:443', /Brackets/)
  refuses('obfs4 192.0.2.7:0', /port/)
  refuses('obfs4 192.0.2.7:65536', /port/)
  refuses('obfs4 192.0.2.7:443 A0B1', /fingerprint.*40 hexadecimal/)
  refuses(`obfs4 192.0.2.7:443 ${FINGERPRINT}0`, /fingerprint/)
  refuses(`obfs4 192.0.2.7:443 ${FINGERPRINT} cert`, /key=value/)
  refuses(`obfs4 192.0.2.7:443 ${FINGERPRINT} =${CERT}`, /key=value/)
  refuses(`obfs4 192.0.2.7:443 cert=${CERT} cert=${CERT}`, /"cert" twice/)
  refuses(`obfs4 192.0.2.7:443 cert=${CERT} iat-mode=0 thanks!`, /key=value/)
  refuses(`${LINE}\n${LINE}`, /key=value/)
  refuses(`obfs4 192.0.2.7:443 cert=${CERT}\u0007`, /character/)
  refuses(`obfs4 192.0.2.7:443 cert=${CERT}é`, /character/)
  refuses(`Bridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> cert=${CERT} iat-mode=0`, /filled in/)
  refuses(`Bridge obfs4 192.0.2.7:443 <FINGERPRINT> cert=${CERT} iat-mode=0`, /filled in/)
  refuses(`obfs4 192.0.2.7:443 cert=${'A'.repeat(8192)}`, /at most 8192/)
})

test('refuses hostile text of the greatest length in bounded time', () => {
  const units = ["'", '“', '.', '> ', 'a ', 'A', '=', ':1', "'.", '\u200B', '“.', 'k=, ']
  const begun = performance.now()
  for (const unit of units)
    for (const [before, after] of [
      ['', ''],
      ['', 'x'],
      ['obfs4 192.0.2.7:1 k=', ' '],
      ["'", "'"],
    ] as const)
      try {
        parseBridgeLine(`${before}${unit.repeat(8000 / unit.length)}${after}`)
      } catch (error) {
        assert.ok(error instanceof PtError)
      }
  assert.ok(performance.now() - begun < 5000)
})

test('throws nothing but a PtError for any text', () => {
  const words = fc.constantFrom(
    'Bridge',
    'obfs4',
    '192.0.2.7:1',
    FINGERPRINT,
    `cert=${CERT}`,
    '“',
    ':',
    '=',
    '\n',
    '[',
    ']',
    '$',
    ' ',
  )
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(fc.oneof(words, fc.string()), { maxLength: 12 }).map((all) => all.join(' ')),
  )
  fc.assert(
    fc.property(texts, (text) => {
      try {
        parseBridgeLine(text)
      } catch (error) {
        assert.ok(error instanceof PtError && error.code === 'PT_BRIDGE_LINE_INVALID')
      }
    }),
    { numRuns: 2000 },
  )
})

test('prints one line with single spaces, brackets, an upper-case fingerprint and keys in their order', () => {
  assert.equal(formatBridgeLine(PARSED), LINE)
  const line = {
    transport: 'x',
    host: '2001:db8::7',
    port: 1,
    fingerprint: FINGERPRINT.toLowerCase(),
    arguments: { b: '1', a: '' },
  }
  assert.equal(formatBridgeLine(line), `Bridge x [2001:db8::7]:1 ${FINGERPRINT} b=1 a=`)
})

test('prints nothing that could not be read back', () => {
  const fails = (change: Partial<BridgeLine>, code: string) =>
    assert.throws(() => formatBridgeLine({ ...PARSED, ...change }), { name: 'PtError', code })
  fails({ port: 0 }, 'PT_ADDRESS_INVALID')
  fails({ host: 'a b' }, 'PT_ADDRESS_INVALID')
  fails({ host: 'é.example' }, 'PT_ADDRESS_INVALID')
  fails({ transport: 'meek-lite' }, 'PT_NAME_INVALID')
  fails({ fingerprint: 'A0' }, 'PT_BRIDGE_LINE_INVALID')
  for (const value of ['a b', 'a\n', '\0', 'é', '\u00A0', '\u200B', '='])
    fails({ arguments: { key: value } }, 'PT_BRIDGE_LINE_INVALID')
  for (const key of ['', 'a b', 'a=b', '-a', '0', 'é']) fails({ arguments: { [key]: 'x' } }, 'PT_BRIDGE_LINE_INVALID')
  fails({ arguments: { cert: 'abc.' } }, 'PT_BRIDGE_LINE_INVALID')
  fails({ arguments: { key: 'x'.repeat(8192) } }, 'PT_BRIDGE_LINE_INVALID')
})

test('reads back what it prints', () => {
  const printable = fc.string({
    unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
    maxLength: 90,
  })
  const line = fc.record(
    {
      transport: fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_]{0,20}$/),
      host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain()),
      port: fc.integer({ min: 1, max: 65_535 }),
      fingerprint: fc.stringMatching(/^[0-9A-F]{40}$/),
      arguments: fc.dictionary(fc.stringMatching(/^[A-Za-z_][\w.-]{0,12}$/), printable, {
        maxKeys: 6,
        noNullPrototype: true,
      }),
    },
    { requiredKeys: ['transport', 'host', 'port', 'arguments'], noNullPrototype: true },
  )
  let printed = 0
  fc.assert(
    fc.property(line, (value) => {
      let text
      try {
        text = formatBridgeLine(value)
      } catch {
        return
      }
      printed++
      assert.match(text, /^Bridge \S+( \S+)+$/)
      assert.deepEqual(parseBridgeLine(text), value)
      assert.deepEqual(Object.keys(parseBridgeLine(text).arguments), Object.keys(value.arguments))
    }),
    { numRuns: 1000 },
  )
  assert.ok(printed > 900, String(printed))
})

test("prints a listener's line, and wants the host of one that listens everywhere", () => {
  const listener = (bound: BoundAddress | null) => ({
    transport: 'obfs4',
    clientArguments: PARSED.arguments,
    address: () => bound,
  })
  const tcp = (address: string) => listener({ address, family: 'IPv4', port: 8443 })
  assert.equal(formatBridgeLine(tcp('192.0.2.7'), { fingerprint: FINGERPRINT }), LINE)
  assert.equal(formatBridgeLine(tcp('::1')), `Bridge obfs4 [::1]:8443 cert=${CERT} iat-mode=0`)
  assert.match(formatBridgeLine(tcp('0.0.0.0'), { host: 'a.example', port: 1 }), /^Bridge obfs4 a\.example:1 cert/)
  for (const address of ['0.0.0.0', '::'])
    assert.throws(() => formatBridgeLine(tcp(address)), { code: 'PT_ADDRESS_INVALID', message: /host must be given/ })
  assert.throws(() => formatBridgeLine(listener('/run/pt.sock'), { host: 'a.example' }), { code: 'PT_ADDRESS_INVALID' })
  assert.match(formatBridgeLine(listener('/run/pt.sock'), { host: '192.0.2.7', port: 5 }), / 192\.0\.2\.7:5 /)
  assert.throws(() => formatBridgeLine(listener(null)), { code: 'PT_LISTENER_STATE' })
})
