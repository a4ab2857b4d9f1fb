import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { PtError } from '../../../src/core/errors.ts'
import type { ErrorCode } from '../../../src/core/errors.ts'
import { defineOptions, missingOption } from '../../../src/core/options.ts'

const SECRET = 'hunter2hunter2'

const number = z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.number().max(2))

const schema = defineOptions('sample', {
  iatMode: {
    wireName: 'iat-mode',
    secret: false,
    from: ['api', 'connection', 'bridge-line'],
    schema: number.default(0),
    expects: '0, 1 or 2',
    description: 'A mode',
  },
  password: {
    wireName: 'password',
    secret: true,
    from: ['api', 'connection'],
    schema: z.string().max(8),
    expects: 'at most 8 characters',
    description: 'A secret',
  },
  stateDir: {
    wireName: 'state-dir',
    secret: false,
    from: ['api', 'server'],
    schema: z.string().optional(),
    expects: 'a directory',
    description: 'A path',
  },
  key: {
    wireName: 'key',
    secret: true,
    from: ['api'],
    schema: z.instanceof(Uint8Array).optional(),
    expects: 'bytes',
    description: 'Some bytes',
  },
})

const fails =
  (code: ErrorCode, names: string, hides = SECRET) =>
  (error: unknown) => {
    assert.ok(error instanceof PtError)
    assert.equal(error.code, code)
    assert.ok(error.message.includes(names), error.message)
    assert.ok(!error.message.includes(hides), error.message)
    assert.ok(!error.message.includes('\n'))
    return true
  }

/** Calls with a value that the types forbid, as untyped callers do. */
const parseAnything = (input: unknown): object => schema.parse(input as Parameters<typeof schema.parse>[0])

test('parse gives typed values under property names and leaves out what was not given', () => {
  const parsed = schema.parse({ iatMode: 1 })
  const mode: number | undefined = parsed.iatMode
  assert.equal(mode, 1)
  assert.deepEqual(Object.keys(parsed), ['iatMode'])
})

test('parse takes the wire spelling, but not both spellings at once', () => {
  assert.equal(schema.parse({ 'iat-mode': '2' }).iatMode, 2)
  assert.throws(
    () => schema.parse({ iatMode: 1, 'iat-mode': 1 }),
    fails('PT_OPTION_INVALID', '"iat-mode" is given twice'),
  )
})

test('parse takes undefined as absent', () => {
  assert.deepEqual(schema.parse({ password: undefined, iatMode: 1, 'iat-mode': undefined }), { iatMode: 1 })
})

test('parse names an unknown option and a close match', () => {
  assert.throws(() => parseAnything({ iatmod: 1 }), fails('PT_OPTION_UNKNOWN', '"iatmod"; did you mean "iat-mode"?'))
  assert.throws(() => parseAnything({ completelyElse: 1 }), fails('PT_OPTION_UNKNOWN', 'no option "completelyElse"'))
  assert.throws(() => parseAnything({ completelyElse: 1 }), fails('PT_OPTION_UNKNOWN', 'no option', 'did you mean'))
})

test('parse shows no unknown name that is not a name', () => {
  const pasted = `password=${SECRET}`
  assert.throws(() => parseAnything({ [pasted]: 1 }), fails('PT_OPTION_UNKNOWN', '(not a name)'))
  assert.throws(() => parseAnything({ [Symbol(SECRET)]: 1 }), fails('PT_OPTION_UNKNOWN', '(not a name)'))
})

test('parse takes names of the prototype for unknown ones', () => {
  for (const key of ['__proto__', 'constructor', 'toString', 'hasOwnProperty'])
    assert.throws(() => parseAnything(JSON.parse(`{"${key}":{}}`)), fails('PT_OPTION_UNKNOWN', key))
})

test('parse refuses what is not an object', () => {
  for (const input of [undefined, null, 'cert', 5, [], () => 0, new Map(), Buffer.alloc(1)])
    assert.throws(() => parseAnything(input), fails('PT_OPTION_INVALID', 'must be an object'))
})

test('parse says what a value must be without showing a secret', () => {
  assert.throws(() => schema.parse({ password: SECRET }), fails('PT_OPTION_INVALID', '"password" must be at most 8'))
  assert.throws(() => schema.parse({ iatMode: 3 }), fails('PT_OPTION_INVALID', '"iat-mode" must be 0, 1 or 2'))
  assert.throws(() => parseAnything({ iatMode: null }), fails('PT_OPTION_INVALID', '"iat-mode"'))
})

test('parse reads a getter once and names the option whose getter throws', () => {
  let reads = 0
  const input = {
    get iatMode(): number {
      return ++reads
    },
  }
  assert.equal(schema.parse(input).iatMode, 1)
  assert.equal(reads, 1)
  const broken = {
    get password(): string {
      throw new Error(SECRET)
    },
  }
  assert.throws(() => schema.parse(broken), fails('PT_OPTION_INVALID', '"password"'))
})

test('parse copies buffers and freezes what it gives', () => {
  const key = Buffer.from('abc')
  const parsed = schema.parse({ key })
  key.fill(0)
  assert.equal(Buffer.from(parsed.key!).toString(), 'abc')
  assert.ok(Object.isFrozen(parsed))
})

test('parseArguments takes wire names only', () => {
  const parsed = schema.parseArguments({ 'iat-mode': '2' }, 'connection', { unknown: 'reject' })
  assert.deepEqual(parsed, { iatMode: 2 })
  assert.throws(
    () => schema.parseArguments({ iatMode: '2' }, 'connection', { unknown: 'reject' }),
    fails('PT_OPTION_UNKNOWN', '"iatMode"; did you mean "iat-mode"?'),
  )
})

test('parseArguments ignores unknown names where the peers do, and tells of each', () => {
  const ignored: string[] = []
  const onIgnored = (name: string): void => void ignored.push(name)
  const args = { utls: 'x', __proto__: 'y', ['constructor']: 'z', 'a b': SECRET, password: 'short' }
  const parsed = schema.parseArguments(args, 'connection', { unknown: 'ignore', onIgnored })
  assert.deepEqual(parsed, { password: 'short' })
  assert.deepEqual(ignored, ['utls', 'constructor', '(not a name)'])
})

test('parseArguments forbids an option from a source that it may not come from, even where unknown ones are ignored', () => {
  for (const source of ['connection', 'bridge-line'] as const)
    assert.throws(
      () => schema.parseArguments({ 'state-dir': '/tmp' }, source, { unknown: 'ignore' }),
      fails('PT_OPTION_FORBIDDEN', '"state-dir"'),
    )
  assert.throws(
    () => schema.parseArguments({ password: 'x' }, 'bridge-line', { unknown: 'ignore' }),
    fails('PT_OPTION_FORBIDDEN', '"password" cannot be given in a bridge line'),
  )
  assert.deepEqual(schema.parseArguments({ 'state-dir': '/tmp' }, 'server', { unknown: 'reject' }), {
    stateDir: '/tmp',
  })
})

test('parseArguments refuses a value that is not text', () => {
  const args = JSON.parse('{"iat-mode":1}')
  assert.throws(
    () => schema.parseArguments(args, 'connection', { unknown: 'reject' }),
    fails('PT_OPTION_INVALID', '"iat-mode" must be text'),
  )
})

test('merge lets the later source win and keeps the rest', () => {
  const merged = schema.merge(schema.parse({ iatMode: 1, password: 'a' }), schema.parse({ password: 'b' }))
  assert.deepEqual(merged, { iatMode: 1, password: 'b' })
  assert.ok(Object.isFrozen(merged))
})

test('complete fills in defaults and names what is missing', () => {
  const options = schema.complete(schema.parse({ password: 'a' }))
  const mode: number = options.iatMode
  assert.equal(mode, 0)
  assert.ok(Object.isFrozen(options))
  assert.throws(() => schema.complete(schema.parse({})), fails('PT_OPTION_MISSING', '"password" is missing'))
})

test('merge replaces options that belong together as a whole, and complete checks rules across them', () => {
  const text = (wireName: string) =>
    ({
      wireName,
      secret: false,
      from: ['api'],
      schema: z.string().optional(),
      expects: 'text',
      description: wireName,
    }) as const
  const pair = defineOptions(
    'pair',
    { left: text('left'), right: text('right'), other: text('other') },
    {
      together: ['left', 'right'],
      resolve: ({ left, right, other }) => {
        if (left !== undefined && right === undefined) throw missingOption('right', 'when "left" is given')
        return { both: `${left}${right}`, list: [other] }
      },
    },
  )
  const base = pair.parse({ left: 'a', right: 'b', other: 'c' })
  const resolved = pair.complete(base)
  assert.deepEqual(resolved, { both: 'ab', list: ['c'] })
  assert.ok(Object.isFrozen(resolved.list))
  assert.deepEqual(pair.merge(base, pair.parse({ other: 'd' })), { left: 'a', right: 'b', other: 'd' })
  assert.throws(
    () => pair.complete(pair.merge(base, pair.parse({ left: 'x' }))),
    fails('PT_OPTION_MISSING', '"right" is missing when "left" is given'),
  )
})

test('defineOptions refuses a definition in which two options have one wire name', () => {
  const one = { ...schema.definitions.stateDir }
  assert.throws(() => defineOptions('twice', { a: one, b: one }), RangeError)
})
