import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Given, read, readClient, readFailure, readServer } from './reading.ts'

const TOR = { MANAGED_TRANSPORT_VER: '1', STATE_LOCATION: '/var/lib/tor/pt_state' }

test('reads what tor sets for a client', () => {
  const env = {
    ...TOR,
    CLIENT_TRANSPORTS: 'obfs4,webtunnel',
    EXIT_ON_STDIN_CLOSE: '1',
    PROXY: 'socks5://a:b@192.0.2.1:1',
  }
  assert.deepEqual(readClient({ env }), {
    version: { family: 1, number: '1.0', spelling: '1' },
    role: 'client',
    stateLocation: '/var/lib/tor/pt_state',
    exitOnStdinClose: true,
    mode: 'socks5',
    udpIdleTimeoutMs: 120_000,
    udpQueue: 64,
    outbound: {},
    ipcLogLevel: 'NONE',
    logFileLevel: undefined,
    unsafeLogging: false,
    transports: [
      { name: 'obfs4', arguments: {} },
      { name: 'webtunnel', arguments: {} },
    ],
    listen: { host: '127.0.0.1', port: 0 },
    target: undefined,
    upstreamProxy: 'socks5://a:b@192.0.2.1:1',
  })
})

test('reads what tor sets for a server, and prefers the extended port', () => {
  const config = readServer({
    env: {
      ...TOR,
      SERVER_TRANSPORTS: 'obfs4',
      SERVER_BINDADDR: 'obfs4-[::]:443,meek-0.0.0.0:80',
      ORPORT: '127.0.0.1:9001',
      EXTENDED_SERVER_PORT: '127.0.0.1:4200',
      AUTH_COOKIE_FILE: '/var/lib/tor/cookie',
      SERVER_TRANSPORT_OPTIONS: 'obfs4:iat-mode=1;meek:key=x',
      OUTBOUND_BIND_ADDRESS_V4: '203.0.113.4',
      OUTBOUND_BIND_ADDRESS_V6: '[2001:db8::4]',
    },
  })
  assert.deepEqual(config.transports, [
    { name: 'obfs4', arguments: { 'iat-mode': '1' }, bind: { host: '::', port: 443 } },
  ])
  assert.deepEqual(config.application, {
    kind: 'extended-orport',
    address: { host: '127.0.0.1', port: 4200 },
    cookieFile: '/var/lib/tor/cookie',
  })
  assert.deepEqual(config.outbound, { v4: '203.0.113.4', v6: '2001:db8::4' })
})

test('freezes the configuration to its leaves', () => {
  const config = readServer({ flags: '-server -transports obfs4 -target example.com:80 -options obfs4:a=b' })
  assert.ok([config, config.transports, config.transports[0], config.transports[0]?.arguments].every(Object.isFrozen))
  assert.ok([config.application, config.application.address, config.version, config.outbound].every(Object.isFrozen))
})

test('lets flags win over their variables', () => {
  const config = readClient({
    flags: '-ptversion=2.1 --transports webtunnel -state=here -proxy http://192.0.2.2:80 -exit-on-stdin-close=0',
    env: { ...TOR, CLIENT_TRANSPORTS: 'obfs4', PROXY: 'socks5://192.0.2.1:1', EXIT_ON_STDIN_CLOSE: '1' },
  })
  assert.equal(config.version.spelling, '2.1')
  assert.deepEqual(
    config.transports.map(({ name }) => name),
    ['webtunnel'],
  )
  assert.equal(config.stateLocation, 'here')
  assert.equal(config.upstreamProxy, 'http://192.0.2.2:80')
  assert.equal(config.exitOnStdinClose, false)
})

test('lets a flag in halves win over the variable of its row', () => {
  const config = readServer({
    flags: '-server -transport obfs4 -targethost 192.0.2.9 -targetport 90 -bindhost [::1] -bindport 8',
    env: { ORPORT: '127.0.0.1:1', SERVER_BINDADDR: 'obfs4-127.0.0.1:2' },
  })
  assert.deepEqual(config.application.address, { host: '192.0.2.9', port: 90 })
  assert.deepEqual(config.transports[0]?.bind, { host: '::1', port: 8 })
})

test('counts an empty variable as absent', () => {
  const env = {
    CLIENT_TRANSPORTS: 'obfs4',
    SERVER_TRANSPORTS: '',
    PROXY: '',
    MANAGED_TRANSPORT_VER: '',
    STATE_LOCATION: '',
  }
  const config = readClient({ env })
  assert.equal(config.version.spelling, '3.0')
  assert.equal(config.upstreamProxy, undefined)
  assert.equal(config.stateLocation, '.')
})

test('runs as a client when nothing says otherwise', () => {
  assert.equal(readClient({ flags: '-transport obfs4' }).role, 'client')
})

test('runs as a server when only the list of a server is set', () => {
  assert.equal(readServer({ env: { SERVER_TRANSPORTS: 'obfs4', ORPORT: 'localhost:9' } }).role, 'server')
})

for (const [flags, expected] of [
  ['-exit-on-stdin-close', true],
  ['-exit-on-stdin-close=1', true],
  ['--exit-on-stdin-close=true', true],
  ['-exit-on-close', true],
  ['-exit-on-stdin-close=false', false],
] as const)
  test(`takes ${flags} as ${expected}`, () => {
    assert.equal(readClient({ flags: `-transport obfs4 ${flags}` }).exitOnStdinClose, expected)
  })

test('takes nothing but 1 in the variable for a closed stdin', () => {
  const env = { CLIENT_TRANSPORTS: 'obfs4', EXIT_ON_STDIN_CLOSE: 'true' }
  assert.equal(readClient({ env }).exitOnStdinClose, false)
})

for (const [flags, mode] of [
  ['-mode socks5', 'socks5'],
  ['-mode TRANSPARENT-tcp', 'transparent-TCP'],
  ['-mode transparent-udp', 'transparent-UDP'],
  ['-mode stun', 'STUN'],
  ['-transparent', 'transparent-TCP'],
  ['-udp', 'STUN'],
  ['-transparent -udp', 'transparent-UDP'],
] as const)
  test(`runs in ${mode} with ${flags}`, () => {
    assert.equal(readClient({ flags: `-transport obfs4 ${flags}` }).mode, mode)
  })

test('keeps the names of transports that it does not know, in the order asked for', () => {
  const { transports } = readClient({ flags: '-transports meek,obfs4,snowflake' })
  assert.deepEqual(
    transports.map(({ name }) => name),
    ['meek', 'obfs4', 'snowflake'],
  )
})

test('skips addresses for transports that were not asked for or are unknown, good or bad', () => {
  const env = {
    SERVER_TRANSPORTS: 'obfs4,meek',
    ORPORT: '127.0.0.1:9',
    SERVER_BINDADDR: 'webtunnel-x,meek-y,obfs4-127.0.0.1:5',
  }
  const { transports } = readServer({ env })
  assert.deepEqual(
    transports.map(({ bind }) => bind),
    [
      { host: '127.0.0.1', port: 5 },
      { host: '0.0.0.0', port: 0 },
    ],
  )
})

test('gives flat JSON to the one transport, and nested JSON to each', () => {
  const flat = readClient({ flags: ['-transport', 'obfs4', '-options', '{"cert": "x", "iat-mode": 1}'] })
  assert.deepEqual(flat.transports[0]?.arguments, { cert: 'x', 'iat-mode': '1' })
  const options = '{"obfs4": {"cert": "x"}, "webtunnel": {"url": "y"}, "meek": {"z": "1"}}'
  const nested = readClient({ flags: ['-transports', 'webtunnel,obfs4', '-options', options] })
  assert.deepEqual(
    nested.transports.map((transport) => transport.arguments),
    [{ url: 'y' }, { cert: 'x' }],
  )
})

test('leaves bad options of one transport to it, in every shape, and the others alone', () => {
  for (const options of ['obfs4:secret;webtunnel:url=y', '{"obfs4": "secret", "webtunnel": {"url": "y"}}']) {
    const { transports } = readClient({ flags: ['-transports', 'obfs4,webtunnel', '-options', options] })
    const [bad, good] = transports
    assert.match(bad!.optionsProblem!, /^The options in -options /)
    assert.doesNotMatch(bad!.optionsProblem!, /secret/)
    assert.deepEqual(good, { name: 'webtunnel', arguments: { url: 'y' } })
  }
})

test('reads options from the file that -optionsFile names', () => {
  const flags = '-transport obfs4 -optionsFile options.json'
  const config = readClient({ flags, readFile: (path) => `{"cert": "${path}"}` })
  assert.deepEqual(config.transports[0]?.arguments, { cert: 'options.json' })
})

test('reads an options file that begins with a byte order mark', () => {
  const readFile = (): string => '\uFEFF{"cert": "x"}'
  const config = readClient({ flags: '-transport obfs4 -optionsFile f', readFile })
  assert.deepEqual(config.transports[0]?.arguments, { cert: 'x' })
})

test('asks for no more than 1 MiB of an options file, and tells what is wrong with it', () => {
  const asked: number[] = []
  const readFile = (_path: string, mostLength: number): never => {
    asked.push(mostLength)
    throw new RangeError('it is no regular file')
  }
  const { text } = readFailure({ flags: '-transport obfs4 -optionsFile f', readFile })
  assert.equal(text, 'The file of -optionsFile cannot be read: it is no regular file')
  assert.deepEqual(asked, [2 ** 20])
})

test('leaves the options of servers to servers', () => {
  const env = { CLIENT_TRANSPORTS: 'obfs4', SERVER_TRANSPORT_OPTIONS: 'obfs4:a=b' }
  assert.deepEqual(readClient({ env }).transports[0]?.arguments, {})
})

test('reads levels, and a log file only when it is enabled', () => {
  const flags = '-transport obfs4 -ipcLogLevel warn -logLevel DEBUG'
  const silent = readClient({ flags })
  assert.equal(silent.ipcLogLevel, 'WARN')
  assert.equal(silent.logFileLevel, undefined)
  assert.equal(readClient({ flags: `${flags} -enableLogging -unsafeLogging` }).logFileLevel, 'DEBUG')
  assert.equal(readClient({ flags: '-transport obfs4 -enableLogging' }).logFileLevel, 'ERROR')
})

test('says that no version is in common before anything else, with 78', () => {
  const { kind, text, exitCode, version } = readFailure({ flags: '-nonsense', env: { MANAGED_TRANSPORT_VER: '4' } })
  assert.deepEqual(
    { kind, text, exitCode, version },
    { kind: 'version', text: 'no-version', exitCode: 78, version: undefined },
  )
})

const SERVER = '-server -transport obfs4 -target 127.0.0.1:1'
const SERVER_LIST = '-server -transports obfs4,webtunnel -target 127.0.0.1:1'

const FAILURES: readonly (readonly [what: string, given: Given, culprits: readonly string[]])[] = [
  ['-transport with -transports', { flags: '-transport obfs4 -transports obfs4' }, ['-transport ', '-transports']],
  [
    '-options with -optionsFile',
    { flags: '-transport obfs4 -options {} -optionsFile f' },
    ['-options ', '-optionsFile'],
  ],
  ['-target with -targethost', { flags: '-transport obfs4 -target a:1 -targethost a' }, ['-target ', '-targethost']],
  ['-targethost alone', { flags: '-transport obfs4 -targethost a' }, ['-targethost', '-targetport']],
  ['-targetport alone', { flags: '-transport obfs4 -targetport 1' }, ['-targetport', '-targethost']],
  [
    '-proxylistenaddr with a half',
    { flags: '-transport obfs4 -proxylistenaddr 127.0.0.1:1 -proxylistenport 1' },
    ['-proxylistenaddr', '-proxylistenport'],
  ],
  [
    '-proxylistenhost alone',
    { flags: '-transport obfs4 -proxylistenhost ::1' },
    ['-proxylistenhost', '-proxylistenport'],
  ],
  ['-bindaddr with -transport', { flags: `${SERVER} -bindaddr obfs4-127.0.0.1:1` }, ['-bindaddr', '-transport']],
  [
    '-bindaddr with -bindhost',
    { flags: `${SERVER_LIST} -bindaddr obfs4-127.0.0.1:1 -bindhost ::1` },
    ['-bindaddr', '-bindhost'],
  ],
  ['-bindhost alone', { flags: `${SERVER} -bindhost 127.0.0.1` }, ['-bindhost', '-bindport']],
  ['-bindport alone', { flags: `${SERVER} -bindport 1` }, ['-bindport', '-bindhost']],
  ['-bindhost without -transport', { flags: `${SERVER_LIST} -bindhost ::1 -bindport 1` }, ['-bindhost', '-transport']],
  ['-mode with -transparent', { flags: '-transport obfs4 -mode socks5 -transparent' }, ['-mode', '-transparent']],
  ['-mode with -udp', { flags: '-transport obfs4 -mode socks5 -udp' }, ['-mode', '-udp']],
  ['-orport and -target that differ', { flags: `${SERVER} -orport 127.0.0.1:2` }, ['-orport', '-target']],
  ['-client with -server', { flags: '-client -server -transport obfs4' }, ['-client', '-server']],
  [
    'both lists',
    { env: { CLIENT_TRANSPORTS: 'obfs4', SERVER_TRANSPORTS: 'obfs4' } },
    ['TOR_PT_CLIENT_TRANSPORTS', 'TOR_PT_SERVER_TRANSPORTS'],
  ],
  ['no transport for a client', { flags: '-client' }, ['TOR_PT_CLIENT_TRANSPORTS', '-transport']],
  [
    'no transport for a server',
    { flags: '-server', env: { CLIENT_TRANSPORTS: 'obfs4' } },
    ['TOR_PT_SERVER_TRANSPORTS', '-transport'],
  ],
  ['a name that is none', { env: { CLIENT_TRANSPORTS: 'obfs4,a-b' } }, ['TOR_PT_CLIENT_TRANSPORTS', 'a-b']],
  ['one name twice', { flags: '-transports obfs4,obfs4' }, ['-transports', 'obfs4']],
  ['one name twice among addresses', { flags: `${SERVER_LIST} -bindaddr meek-::1,meek-::1` }, ['-bindaddr', 'meek']],
  ['a list in -transport', { flags: '-transport obfs4,webtunnel' }, ['-transport ', '-transports']],
  ['a host name to listen on', { flags: '-transport obfs4 -proxylistenaddr localhost:1' }, ['-proxylistenaddr']],
  ['a host name to bind', { flags: `${SERVER_LIST} -bindaddr obfs4-localhost:1` }, ['-bindaddr', 'obfs4']],
  ['a bare IPv6 address', { flags: '-transport obfs4 -target ::1:80' }, ['-target']],
  ['port 0 of a target', { flags: '-transport obfs4 -target 127.0.0.1:0' }, ['-target']],
  [
    'one port for two transports of a server',
    { flags: `${SERVER_LIST} -bindaddr obfs4-0.0.0.0:7,webtunnel-127.0.0.1:7` },
    ['obfs4', 'webtunnel', '7'],
  ],
  [
    'one port for two transports of a client',
    { flags: '-transports obfs4,webtunnel -proxylistenaddr 127.0.0.1:7' },
    ['-proxylistenaddr'],
  ],
  ['a mode that is none', { flags: '-transport obfs4 -mode socks6' }, ['-mode', 'socks5', 'STUN']],
  ['transparent-TCP in version 1', { flags: '-transport obfs4 -transparent -ptversion 1' }, ['transparent-TCP', '1']],
  ['a level that is none', { flags: '-transport obfs4 -ipcLogLevel LOUD' }, ['-ipcLogLevel', 'NONE']],
  ['a level NONE of the log file', { flags: '-transport obfs4 -enableLogging -logLevel NONE' }, ['-logLevel']],
  ['no application server', { flags: '-server -transport obfs4' }, ['TOR_PT_ORPORT', '-target']],
  ['a name as extended port', { flags: `${SERVER} -extorport localhost:1 -authcookie f` }, ['-extorport']],
  [
    'an IPv6 source address without brackets',
    { env: { CLIENT_TRANSPORTS: 'obfs4', OUTBOUND_BIND_ADDRESS_V6: '::1' } },
    ['TOR_PT_OUTBOUND_BIND_ADDRESS_V6'],
  ],
  [
    'an IPv4 source address that is none',
    { env: { CLIENT_TRANSPORTS: 'obfs4', OUTBOUND_BIND_ADDRESS_V4: 'eth0' } },
    ['TOR_PT_OUTBOUND_BIND_ADDRESS_V4'],
  ],
  ['options that are not JSON', { flags: ['-transport', 'obfs4', '-options', '{"secret'] }, ['-options']],
  [
    'flat options for two transports',
    { flags: ['-transports', 'obfs4,webtunnel', '-options', '{"a": 1}'] },
    ['-options'],
  ],
  ['an options file that is not there', { flags: '-transport obfs4 -optionsFile f' }, ['-optionsFile', 'ENOENT']],
  ['an unknown flag', { flags: '-transport obfs4 -statee x' }, ['-statee', '-state']],
  ['a stray argument', { flags: 'obfs4' }, ['argument']],
  ['a flag given twice', { flags: '-transport obfs4 -transport obfs4' }, ['-transport', 'twice']],
  ['a flag without its value', { flags: '-transport obfs4 -state' }, ['-state']],
  ['a flag as the value of another', { flags: '-transport -client' }, ['-transport']],
  [
    'an empty -proxy',
    { flags: ['-transport', 'obfs4', '-proxy', ''], env: { PROXY: 'http://192.0.2.1:1' } },
    ['-proxy'],
  ],
  ['a proxy for a server', { flags: `${SERVER} -proxy http://192.0.2.1:1` }, ['-proxy', 'client']],
  [
    'an address to bind for a client',
    { flags: '-transports obfs4 -bindaddr obfs4-127.0.0.1:1' },
    ['-bindaddr', 'server'],
  ],
]

for (const [what, given, culprits] of FAILURES)
  test(`refuses ${what}, naming the culprits`, () => {
    const { kind, exitCode, text, version } = readFailure(given)
    assert.deepEqual([kind, exitCode], ['env', 64])
    assert.ok(version)
    for (const culprit of culprits) assert.ok(text.includes(culprit), `"${culprit}" in "${text}"`)
  })

test('asks for the cookie of an extended port in the words of the specification', () => {
  const env = { SERVER_TRANSPORTS: 'obfs4', ORPORT: '127.0.0.1:1', EXTENDED_SERVER_PORT: '127.0.0.1:2' }
  assert.equal(readFailure({ env }).text, 'No TOR_PT_AUTH_COOKIE_FILE when TOR_PT_EXTENDED_SERVER_PORT set')
  assert.equal(readFailure({ flags: `${SERVER} -extorport [::1]:2` }).text, 'No -authcookie when -extorport set')
})

test('ignores a cookie file without an extended port', () => {
  const plain = { kind: 'plain', address: { host: '127.0.0.1', port: 1 } }
  assert.deepEqual(readServer({ flags: `${SERVER} -authcookie /run/cookie` }).application, plain)
  assert.deepEqual(readServer({ flags: SERVER, env: { AUTH_COOKIE_FILE: '/run/cookie' } }).application, plain)
})

test('binds to every address, on a free port, when no address is given', () => {
  assert.deepEqual(readServer({ flags: SERVER }).transports[0]?.bind, { host: '0.0.0.0', port: 0 })
})

test('takes addresses in another order than the transports', () => {
  const { transports } = readServer({ flags: `${SERVER_LIST} -bindaddr webtunnel-[::1]:2,obfs4-127.0.0.1:1` })
  assert.deepEqual(
    transports.map(({ bind }) => bind.port),
    [1, 2],
  )
})

test('shows nothing of a secret in a failure', () => {
  const { text } = readFailure({ flags: ['-transport', 'obfs4', '-options', '{"password": "hunter2", }'] })
  assert.doesNotMatch(text, /hunter2|password/)
})

test('accepts -orport and -target that agree', () => {
  assert.deepEqual(readServer({ flags: `${SERVER} -orport 127.0.0.1:1` }).application.address, {
    host: '127.0.0.1',
    port: 1,
  })
})

test('judges forbidden combinations among flags only', () => {
  const env = { SERVER_TRANSPORTS: 'obfs4,webtunnel', SERVER_BINDADDR: 'obfs4-127.0.0.1:5', ORPORT: '192.0.2.1:1' }
  const config = readServer({ flags: SERVER, env })
  assert.deepEqual(config.transports[0]?.bind, { host: '127.0.0.1', port: 5 })
  assert.deepEqual(config.application.address, { host: '127.0.0.1', port: 1 })
})

test('leaves the upstream proxy to be judged after VERSION', () => {
  assert.ok(!(read({ env: { CLIENT_TRANSPORTS: 'obfs4', PROXY: 'nonsense' } }) instanceof Error))
})
