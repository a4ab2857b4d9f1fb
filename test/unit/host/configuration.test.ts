import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { toFlags, toVariables } from '../../../src/host/configuration.ts'
import type { PtConfiguration } from '../../../src/host/launch-options.ts'
import { readDispatcherConfig } from '../../../src/ipc/read-config.ts'

const CLIENT: PtConfiguration = { role: 'client', transports: ['a', 'b'], stateDir: 'state' }
const SERVER: PtConfiguration = {
  role: 'server',
  transports: ['a', 'b'],
  stateDir: '/state',
  orPort: { host: '::1', port: 9001 },
}

function read(configuration: PtConfiguration): object {
  return readDispatcherConfig({
    argv: [],
    environment: toVariables(configuration),
    knownTransports: ['a', 'b'],
    readFile: () => assert.fail('no file is read'),
  })
}

test('gives a client its variables, and no others', () => {
  assert.deepEqual(
    toVariables({ ...CLIENT, proxy: 'socks5://u:p@[::1]:1080', outbound: { v4: '192.0.2.1', v6: '::2' } }),
    {
      TOR_PT_MANAGED_TRANSPORT_VER: '1,2.1,3.0',
      TOR_PT_STATE_LOCATION: resolve('state'),
      TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
      TOR_PT_CLIENT_TRANSPORTS: 'a,b',
      TOR_PT_PROXY: 'socks5://u:p@[::1]:1080',
      TOR_PT_OUTBOUND_BIND_ADDRESS_V4: '192.0.2.1',
      TOR_PT_OUTBOUND_BIND_ADDRESS_V6: '[::2]',
    },
  )
})

test('gives the flag of the level of LOG lines, and none where that is not asked for', () => {
  assert.deepEqual(toFlags(CLIENT), [])
  assert.deepEqual(toFlags({ ...CLIENT, logLevel: 'INFO' }), ['-ipcLogLevel', 'INFO'])
  assert.deepEqual(toFlags({ ...CLIENT, logLevel: 'NONE', versions: ['1', '2.2'] }), ['-ipcLogLevel', 'NONE'])
  assert.deepEqual(toFlags({ ...CLIENT, logLevel: 'DEBUG', versions: ['3'] }), ['-ipcLogLevel', 'DEBUG'])
})

test('refuses a level that is none, and one of versions that have no flag for it', () => {
  for (const more of [
    { logLevel: 'info' as 'INFO' },
    { logLevel: 'INFO', versions: ['1'] },
    { logLevel: 'INFO', versions: ['1', '2.1', '2'] },
  ] as const)
    assert.throws(() => toFlags({ ...CLIENT, ...more }), { code: 'PT_OPTION_INVALID' })
})

test('gives a server its variables, an address for each transport among them', () => {
  const configuration: PtConfiguration = {
    ...SERVER,
    versions: ['1'],
    bind: { b: { host: '::', port: 443 } },
    options: { a: { 'iat-mode': '1', 'k:;': String.raw`v=\ ` } },
    extendedOrPort: { address: { host: '127.0.0.1', port: 2 }, cookieFile: '/cookie' },
  }
  assert.deepEqual(toVariables(configuration), {
    TOR_PT_MANAGED_TRANSPORT_VER: '1',
    TOR_PT_STATE_LOCATION: resolve('/state'),
    TOR_PT_EXIT_ON_STDIN_CLOSE: '1',
    TOR_PT_SERVER_TRANSPORTS: 'a,b',
    TOR_PT_SERVER_BINDADDR: 'a-0.0.0.0:0,b-[::]:443',
    TOR_PT_SERVER_TRANSPORT_OPTIONS: String.raw`a:iat-mode=1;a:k\:\;=v\=\\ `,
    TOR_PT_ORPORT: '[::1]:9001',
    TOR_PT_EXTENDED_SERVER_PORT: '127.0.0.1:2',
    TOR_PT_AUTH_COOKIE_FILE: resolve('/cookie'),
  })
})

test('leaves the Extended ORPort empty, and its cookie file out, where there is none', () => {
  const variables = toVariables(SERVER)
  assert.equal(variables['TOR_PT_EXTENDED_SERVER_PORT'], '')
  assert.equal('TOR_PT_AUTH_COOKIE_FILE' in variables, false)
  assert.equal('TOR_PT_EXTENDED_SERVER_PORT' in toVariables(CLIENT), false)
})

test('a dispatcher reads back every option as it was given', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'b', '\\', ':', ';', '=', ',', '{', '"', 'é', ' '),
    maxLength: 12,
  })
  const options = fc.dictionary(
    text.filter((key) => key !== ''),
    text,
  )
  fc.assert(
    fc.property(options, (given) => {
      const { transports } = read({ ...SERVER, options: { b: given } }) as {
        transports: { arguments: Record<string, string> }[]
      }
      assert.deepEqual({ ...transports[1]?.arguments }, { ...given })
    }),
  )
})

const BAD: readonly (readonly [culprit: string, configuration: object])[] = [
  ['role', { ...CLIENT, role: 'both' }],
  ['transports', { ...CLIENT, transports: [] }],
  ['transports', { ...CLIENT, transports: ['a', 'a'] }],
  ['transports', { ...CLIENT, transports: ['a-b'] }],
  ['transports', { ...CLIENT, transports: 'ab' }],
  ['stateDir', { ...CLIENT, stateDir: '' }],
  ['stateDir', { ...CLIENT, stateDir: 'a\0b' }],
  ['stateDir', { ...CLIENT, stateDir: undefined }],
  ['versions', { ...CLIENT, versions: [] }],
  ['versions', { ...CLIENT, versions: ['4'] }],
  ['versions', { ...CLIENT, versions: ['1,9'] }],
  ['proxy', { ...CLIENT, proxy: 'ftp://127.0.0.1:1' }],
  ['proxy', { ...CLIENT, proxy: 'http://a\nb@127.0.0.1:1' }],
  ['proxy', { ...SERVER, proxy: 'http://127.0.0.1:1' }],
  ['orPort', { ...SERVER, orPort: undefined }],
  ['orPort', { ...SERVER, orPort: { host: 'localhost', port: 1 } }],
  ['orPort', { ...SERVER, orPort: { host: '127.0.0.1', port: 0 } }],
  ['orPort', { ...CLIENT, orPort: { host: '127.0.0.1', port: 1 } }],
  ['bind', { ...CLIENT, bind: {} }],
  ['bind.a', { ...SERVER, bind: { a: { host: 'name', port: 1 } } }],
  ['bind.a', { ...SERVER, bind: { a: { host: '[::1]', port: 1 } } }],
  ['bind.a', { ...SERVER, bind: { a: { host: '::1', port: '1' } } }],
  ['bind.a', { ...SERVER, bind: { a: { port: 1 } } }],
  ['bind.a', { ...SERVER, bind: { a: null } }],
  ['bind.a', { ...SERVER, bind: { a: undefined } }],
  ['bind', { ...SERVER, bind: 5 }],
  ['bind', { ...SERVER, bind: [] }],
  ['bind', { ...SERVER, bind: { c: { host: '::', port: 1 } } }],
  ['options', { ...SERVER, options: { c: {} } }],
  ['options', { ...SERVER, options: 'a' }],
  ['options.a', { ...SERVER, options: { a: 5 } }],
  ['options.a', { ...SERVER, options: { a: null } }],
  ['options.a', { ...SERVER, options: { a: { '': '1' } } }],
  ['options.a.k', { ...SERVER, options: { a: { k: 'a\0' } } }],
  ['options.a.k', { ...SERVER, options: { a: { k: 1 } } }],
  ['options.a', { ...SERVER, options: { a: { 'k\n': '' } } }],
  ['orPort', { ...SERVER, orPort: 5 }],
  ['orPort', { ...SERVER, orPort: '127.0.0.1:5' }],
  ['extendedOrPort', { ...SERVER, extendedOrPort: 5 }],
  ['extendedOrPort.address', { ...SERVER, extendedOrPort: { cookieFile: 'c' } }],
  ['extendedOrPort.address', { ...SERVER, extendedOrPort: { address: { host: '::1', port: -1 }, cookieFile: 'c' } }],
  ['extendedOrPort.cookieFile', { ...SERVER, extendedOrPort: { address: { host: '::1', port: 1 }, cookieFile: '' } }],
  ['outbound', { ...CLIENT, outbound: 'x' }],
  ['outbound', { ...CLIENT, outbound: null }],
  ['outbound.v4', { ...CLIENT, outbound: { v4: 5 } }],
  ['outbound.v4', { ...CLIENT, outbound: { v4: '::1' } }],
  ['outbound.v6', { ...CLIENT, outbound: { v6: '[::1]' } }],
]

for (const [index, [culprit, configuration]] of BAD.entries())
  test(`names ${culprit} as the culprit (${index})`, () => {
    assert.throws(() => toVariables(configuration as PtConfiguration), {
      code: 'PT_OPTION_INVALID',
      message: new RegExp(`"${culprit}"`),
    })
  })

test('refuses a member that is none, which would be without effect', () => {
  const address = { host: '127.0.0.1', port: 1 }
  const mistyped: readonly (readonly [configuration: object, message: RegExp])[] = [
    [{ ...CLIENT, outbound: { ipv4: '192.0.2.1' } }, /"outbound" has no member "ipv4"$/],
    [{ ...SERVER, bind: { a: { ...address, prot: 2 } } }, /"bind.a" has no member "prot"$/],
    [{ ...SERVER, orPort: { ...address, family: 'IPv4' } }, /"orPort" has no member "family"$/],
    [
      { ...SERVER, extendedOrPort: { address, cookieFil: 'c' } },
      /has no member "cookieFil"; did you mean "cookieFile"\?$/,
    ],
    [{ ...SERVER, extendedOrPort: { address: { ...address, x: 1 }, cookieFile: 'c' } }, /"extendedOrPort.address"/],
  ]
  for (const [configuration, message] of mistyped)
    assert.throws(() => toVariables(configuration as PtConfiguration), { code: 'PT_OPTION_UNKNOWN', message })
})

test('a message about the proxy holds no part of it', () => {
  assert.throws(
    () => toVariables({ ...CLIENT, proxy: 'socks4a://hunter:secret@192.0.2.7:1080' }),
    (error: Error) => !/hunter|secret|192/.test(error.message),
  )
})
