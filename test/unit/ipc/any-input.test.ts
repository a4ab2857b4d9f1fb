import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { IpcFailure } from '../../../src/ipc/failure.ts'
import { LineWriter, writeFailure } from '../../../src/ipc/line-writer.ts'
import { FLAGS, flagShape } from '../../../src/ipc/settings.ts'
import { negotiateVersion } from '../../../src/ipc/version.ts'
import { read } from './reading.ts'

/** What every parent can read: a keyword, then printable text; beyond ASCII in a LOG line of 2.2 and 3.0 only. */
const LINE = /^(?:(?:[A-Z-]+|warning:)(?: [\x20-\x7e]*)?|LOG [A-Z]+ [^\0\n]*)\n$/

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('obfs4', 'obfs4,webtunnel', '127.0.0.1:1', '[::1]:0', '1', '3.0', '{"a": 1}', 'obfs4:a=b', 'STUN'),
  fc.json({ maxDepth: 2 }),
)
const flag: fc.Arbitrary<readonly string[]> = fc
  .tuple(fc.constantFrom(...Object.keys(FLAGS)), text, fc.boolean())
  .map(([name, value, attached]) => {
    if (flagShape(name)?.value === undefined) return attached ? [`--${name}=false`] : [`-${name}`]
    return attached ? [`--${name}=${value}`] : [`-${name}`, value]
  })
const variable = fc.constantFrom(
  'MANAGED_TRANSPORT_VER',
  'CLIENT_TRANSPORTS',
  'SERVER_TRANSPORTS',
  'SERVER_BINDADDR',
  'SERVER_TRANSPORT_OPTIONS',
  'ORPORT',
  'EXTENDED_SERVER_PORT',
  'AUTH_COOKIE_FILE',
  'OUTBOUND_BIND_ADDRESS_V6',
  'PROXY',
)

function collect(): { readonly lines: string[]; readonly sink: { writableLength: number; write(line: string): void } } {
  const lines: string[] = []
  return { lines, sink: { writableLength: 0, write: (line) => void lines.push(line) } }
}

test('reads any flags and variables without throwing, into a frozen configuration or a line with a text', () => {
  let acceptedCount = 0
  fc.assert(
    fc.property(
      fc.array(fc.oneof(flag, fc.tuple(text)), { maxLength: 5 }),
      fc.dictionary(variable, text, { maxKeys: 4 }),
      (flags, env) => {
        const result = read({ flags: flags.flat(), env: { CLIENT_TRANSPORTS: 'obfs4', ...env } })
        if (!(result instanceof IpcFailure)) {
          acceptedCount++
          assert.ok(Object.isFrozen(result) && Object.isFrozen(result.transports))
          return
        }
        const { lines, sink } = collect()
        writeFailure(result, { out: sink, err: sink })
        for (const line of lines) assert.match(line, /^(?:ENV-ERROR|VERSION-ERROR) [\x20-\x7e]+\n$/)
        assert.ok(lines.length > 0)
      },
    ),
    { numRuns: 2_000 },
  )
  assert.ok(acceptedCount > 50, `only ${acceptedCount} were accepted`)
})

test('writes nothing that a parent could not read, whatever it is given', () => {
  const attempt = (write: () => void): void => {
    try {
      write()
    } catch (error) {
      assert.ok(error instanceof RangeError)
    }
  }
  fc.assert(
    fc.property(fc.constantFrom('1', '2.1', '3.0'), text, text, (spelling, one, other) => {
      const { lines, sink } = collect()
      const version = negotiateVersion(spelling)!
      const writer = new LineWriter({ out: sink, err: sink, version, ipcLogLevel: 'DEBUG' })
      writer.log('INFO', one)
      writer.warn(other)
      writer.clientMethodError('obfs4', one)
      writer.serverMethodError('obfs4', other)
      writer.failure(new IpcFailure('proxy', one, version))
      writer.implementation(one, other)
      attempt(() => writer.serverMethod('obfs4', { host: '::1', port: 1 }, { [one]: other }))
      attempt(() => writer.status('obfs4', { [one]: other }))
      for (const line of lines) assert.match(line, LINE)
    }),
    { numRuns: 1_000 },
  )
})
