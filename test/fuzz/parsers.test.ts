import assert from 'node:assert/strict'
import fc from 'fast-check'
import { formatBridgeLine, parseBridgeLine } from '../../src/core/bridge-line.ts'
import { PtError } from '../../src/core/errors.ts'
import { normalizeConnect, normalizeListen } from '../../src/core/target.ts'
import { MemoryStore } from '../../src/testing/memory-store.ts'
import { SeededRandom } from '../../src/testing/seeded-random.ts'
import { formatCert, parseCert, parseHex } from '../../src/transports/obfs4/cert.ts'
import { clientOptions, serverOptions } from '../../src/transports/obfs4/options.ts'
import { BRIDGE_LINE_FILE, STATE_FILE, loadBridgeState } from '../../src/transports/obfs4/state.ts'
import { bytes, fuzz, mutate, mutations } from '../support/fuzz.ts'

/** Returns what the action returns; undefined when it throws a PtError; anything else that is thrown is a failure. */
function guarded<Value>(action: () => Value): Value | undefined {
  try {
    return action()
  } catch (error) {
    if (error instanceof PtError) return undefined
    throw error
  }
}

const anyText = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string())

fuzz(
  'certs and hex are read back as they were printed, and any other text is undefined',
  fc.record({ identity: fc.uint8Array({ minLength: 52, maxLength: 52 }), text: anyText, mutation: mutations }),
  ({ identity, text, mutation }) => {
    const cert = formatCert({ nodeId: identity.subarray(0, 20), publicKey: identity.subarray(20) })
    const parsed = parseCert(cert)!
    assert.deepEqual(Buffer.concat([parsed.nodeId, parsed.publicKey]), Buffer.from(identity))
    assert.deepEqual(parseCert(`${cert}==`), parsed)
    for (const other of [
      text,
      mutate(Buffer.from(cert), mutation).toString('latin1'),
      mutate(Buffer.from(cert), mutation).toString(),
    ]) {
      const result = parseCert(other)
      if (result !== undefined) assert.match(other, /^[A-Za-z0-9+/]{70}(==)?$/)
      assert.equal(parseHex(other, 20) === undefined, !/^[0-9a-fA-F]{40}$/.test(other))
    }
  },
  { share: 0.2 },
)

const hostile = fc.oneof(
  anyText,
  fc.anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true, withDate: true, withMap: true }),
  fc.constantFrom(
    '0',
    '1',
    '2',
    '3',
    0,
    1,
    2,
    3,
    'uniform',
    'exempt',
    'a'.repeat(70),
    '00'.repeat(20),
    '00'.repeat(32),
  ),
  bytes(40),
)
const optionNames = [
  ...Object.keys(clientOptions.definitions),
  ...Object.keys(serverOptions.definitions),
  'node-id',
  'public-key',
  'private-key',
  'drbg-seed',
  'iat-mode',
  'state-dir',
  '__proto__',
  'constructor',
  'toString',
]
const optionObjects = fc.oneof(
  fc.dictionary(fc.oneof(fc.constantFrom(...optionNames), anyText), hostile, { maxKeys: 6 }),
  hostile as fc.Arbitrary<never>,
)

fuzz(
  'options of any form are parsed to frozen values, or refused with a PtError that shows no value',
  fc.record({ input: optionObjects, secret: fc.stringMatching(/^[g-z]{30}$/), args: fc.dictionary(anyText, anyText) }),
  ({ input, secret, args }) => {
    for (const schema of [clientOptions, serverOptions]) {
      const parsed = guarded(() => schema.parse(input as object))
      if (parsed !== undefined) {
        assert.equal(Object.isFrozen(parsed), true)
        guarded(() => schema.complete(parsed as never))
      }
      for (const source of ['connection', 'bridge-line', 'server'] as const)
        for (const unknown of ['ignore', 'reject'] as const)
          guarded(() => schema.parseArguments(args, source, { unknown }))
      for (const wireName of ['cert', 'node-id', 'public-key', 'private-key', 'drbg-seed']) {
        try {
          schema.parse({ [wireName]: secret })
        } catch (error) {
          assert.ok(error instanceof PtError)
          assert.equal(`${error.stack} ${JSON.stringify(error)}`.includes(secret), false)
        }
      }
    }
  },
  { share: 0.3 },
)

const lineParts = fc.array(
  fc.oneof(
    fc.constantFrom(
      'Bridge',
      'obfs4',
      '192.0.2.1:443',
      '[2001:db8::1]:443',
      'cert=AAAA',
      'iat-mode=0',
      'name:',
      ':443',
      '"',
      '\u200b',
      '\r\n',
      '=',
      '<',
    ),
    fc.constantFrom('0123456789ABCDEF0123456789ABCDEF01234567', '> ', '\u202e', '\u00ad', '\uff11'),
    anyText,
  ),
  { maxLength: 12 },
)

fuzz(
  'bridge lines of any text are parsed, or refused with a PtError; what is parsed is printed and read back the same',
  fc.tuple(lineParts, fc.constantFrom(' ', '', '\n', '\u00a0')),
  ([parts, separator]) => {
    const text = parts.join(separator)
    const line = guarded(() => parseBridgeLine(text))
    if (line === undefined) return
    const printed = formatBridgeLine(line)
    assert.match(printed, /^Bridge [\x21-\x7e]+( [\x21-\x7e]+)*$/)
    assert.deepEqual(parseBridgeLine(printed), line)
  },
  { share: 0.3 },
)

fuzz(
  'long repetitions do not slow the parser of bridge lines down',
  fc.tuple(
    fc.oneof(anyText, fc.constantFrom('=', ' ', '\n> ', '"', ':', '[', '\u200b', 'a=', '-\n', '“')),
    fc.integer({ min: 1, max: 9000 }),
  ),
  ([part, count]) => {
    const text = part.repeat(count).slice(0, 9000)
    const start = performance.now()
    guarded(() => parseBridgeLine(`Bridge obfs4 192.0.2.1:443 ${text}`))
    guarded(() => parseBridgeLine(text))
    assert.ok(performance.now() - start < 1000, 'takes more than a second')
  },
  { share: 0.2 },
)

fuzz(
  'what is given to connect() and listen() becomes an address, or a PtError',
  fc.oneof(
    fc.array(hostile, { maxLength: 4 }),
    fc.tuple(fc.dictionary(fc.constantFrom('host', 'port', 'path', 'target', 'backlog', 'signal'), hostile)),
  ),
  (args) => {
    const connect = guarded(() => normalizeConnect(args))
    if (connect !== undefined) assert.equal(Object.isFrozen(connect.told.address), true)
    const listen = guarded(() => normalizeListen(args))
    if (listen !== undefined) assert.equal(Object.isFrozen(listen.address), true)
  },
  { share: 0.2 },
)

const stateTexts = fc.oneof(
  fc.json(),
  anyText,
  fc
    .record(
      {
        'node-id': fc.oneof(fc.stringMatching(/^[0-9a-f]{40}$/), hostile),
        'private-key': fc.oneof(fc.stringMatching(/^[0-9a-f]{64}$/), hostile),
        'public-key': fc.oneof(fc.constant(''), hostile),
        'drbg-seed': fc.oneof(fc.stringMatching(/^[0-9a-f]{48}$/), hostile),
        'iat-mode': fc.oneof(fc.integer({ min: -1, max: 4 }), hostile),
      },
      { requiredKeys: [] },
    )
    .map((fields) => {
      try {
        return JSON.stringify(fields)
      } catch {
        return '{}'
      }
    }),
)

fuzz(
  'a state file of any content is used, or refused and left as it was',
  fc.record({ text: stateTexts, line: fc.option(bytes(100)), mutation: mutations }),
  async ({ text, line, mutation }) => {
    const store = new MemoryStore()
    const content = mutate(Buffer.from(text ?? ''), mutation)
    store.files.set(`/s/${STATE_FILE}`, content)
    if (line !== null) store.files.set(`/s/${BRIDGE_LINE_FILE}`, line)
    const sources = {
      directory: await store.directory('/s'),
      identity: undefined,
      iatMode: undefined,
      random: new SeededRandom(1),
    }
    try {
      const state = await loadBridgeState(sources)
      assert.deepEqual((await loadBridgeState(sources)).privateKey, state.privateKey)
    } catch (error) {
      assert.ok(error instanceof PtError && error.code === 'PT_STATE_CORRUPT', String(error))
      assert.deepEqual(store.files.get(`/s/${STATE_FILE}`), content)
    }
  },
  { share: 0.2 },
)
