import assert from 'node:assert/strict'
import { test } from 'node:test'
import { IpcFailure } from '../../../src/ipc/failure.ts'
import { type PluginConfig, chooseInterface, readPluginConfig } from '../../../src/ipc/sip003.ts'

const HOST = {
  SS_REMOTE_HOST: '192.0.2.7',
  SS_REMOTE_PORT: '443',
  SS_LOCAL_HOST: '127.0.0.1',
  SS_LOCAL_PORT: '1984',
} as const

function read(variables: Readonly<Record<string, string>> = {}): PluginConfig {
  const config = readPluginConfig({ ...HOST, ...variables })
  assert.ok(!('problem' in config), JSON.stringify(config))
  return config
}

const readOptions = (text: string): PluginConfig => read({ SS_PLUGIN_OPTIONS: text })

function problemOf(variables: Readonly<Record<string, string | undefined>>): string {
  const config = readPluginConfig({ ...HOST, ...variables })
  assert.ok('problem' in config, JSON.stringify(config))
  return config.problem
}

test('is a client of obfs4 between the two addresses when no option is given', () => {
  assert.deepEqual(read(), {
    role: 'client',
    transport: { name: 'obfs4', arguments: {} },
    remote: { hosts: ['192.0.2.7'], port: 443 },
    local: { host: '127.0.0.1', port: 1984 },
    stateLocation: undefined,
    logFileLevel: undefined,
    unsafeLogging: false,
  })
})

test("takes its own options, and leaves the others to the transport's", () => {
  const config = readOptions('server;transport=webtunnel;state=/var/lib/x;loglevel=debug;unsafelogging;url=a;flag')
  assert.equal(config.role, 'server')
  assert.deepEqual(config.transport, { name: 'webtunnel', arguments: { url: 'a', flag: '1' } })
  assert.equal(config.stateLocation, '/var/lib/x')
  assert.equal(config.logFileLevel, 'DEBUG')
  assert.equal(config.unsafeLogging, true)
})

for (const [text, role] of [
  ['server=1', 'server'],
  ['server=true', 'server'],
  ['server=0', 'client'],
  ['server=false', 'client'],
] as const)
  test(`is a ${role} by ${text}`, () => {
    assert.equal(readOptions(text).role, role)
  })

for (const [text, hosts] of [
  ['192.0.2.7|2001:db8::7', ['192.0.2.7', '2001:db8::7']],
  ['[2001:db8::7]|bridge.example.org', ['2001:db8::7', 'bridge.example.org']],
  ['0.0.0.0|::|0.0.0.0', ['0.0.0.0', '::']],
] as const)
  test(`reads every address of ${text} once`, () => {
    assert.deepEqual(read({ SS_REMOTE_HOST: text }).remote.hosts, hosts)
  })

for (const name of Object.keys(HOST)) {
  for (const text of [undefined, ''])
    test(`names ${name} when it is ${text === '' ? 'empty' : 'missing'}`, () => {
      assert.equal(problemOf({ [name]: text }), `${name} is missing`)
    })

  test(`names ${name} when its value will not do, and does not repeat it`, () => {
    const isPort = name.endsWith('PORT')
    const wrong = isPort
      ? ['0', '65536', '-1', '1x', ' 1', '1.5']
      : ['a b', '1.2.3', '::1::2', '[::1', 'a:1', '|', 'a|']
    for (const text of wrong) {
      const expected = isPort ? 'a port from 1 to 65535' : 'an IP address or a host name'
      assert.equal(problemOf({ [name]: text }), `${name} must be ${expected}`, text)
    }
  })
}

test('takes several addresses for the remote side alone', () => {
  assert.match(problemOf({ SS_LOCAL_HOST: '127.0.0.1|::1' }), /^SS_LOCAL_HOST must be/)
})

for (const [options, problem] of [
  ['a=b\\', /^SS_PLUGIN_OPTIONS must have the form name=value/],
  ['cert=secret;cert=secret', /^SS_PLUGIN_OPTIONS must not have "cert" twice$/],
  ['server=secret', /^Option "server" in SS_PLUGIN_OPTIONS takes no value, or 1, true, 0 or false$/],
  ['unsafelogging=secret', /^Option "unsafelogging" in SS_PLUGIN_OPTIONS takes no value/],
  ['state=', /^Option "state" in SS_PLUGIN_OPTIONS must be the path of a directory$/],
  ['state=x;loglevel=secret', /^Option "loglevel" in SS_PLUGIN_OPTIONS must be one of ERROR, WARN, INFO, DEBUG$/],
  ['loglevel=info', /^Option "loglevel" in SS_PLUGIN_OPTIONS needs "state"/],
  ['state-dir=secret', /^Option "state-dir" cannot be given in SS_PLUGIN_OPTIONS: "state" stands for it$/],
  ['serverAddress=secret', /^Option "serverAddress" cannot be given in .*: SS_REMOTE_HOST and SS_REMOTE_PORT stand/],
] as const)
  test(`refuses the options ${options}, and repeats no value`, () => {
    const text = problemOf({ SS_PLUGIN_OPTIONS: options })
    assert.match(text, problem)
    assert.ok(!text.includes('secret'))
  })

for (const [argv, environment, chosen] of [
  [[], {}, 'dispatcher'],
  [[], { SS_REMOTE_HOST: '' }, 'dispatcher'],
  [[], { SS_PLUGIN_OPTIONS: 'server' }, 'dispatcher'],
  [[], HOST, 'plugin'],
  [[], { SS_REMOTE_HOST: 'a' }, 'plugin'],
  [[], { SS_LOCAL_PORT: '1' }, 'plugin'],
  [['-V', '--fast-open'], HOST, 'plugin'],
  [['-transport', 'obfs4'], HOST, 'dispatcher'],
  [['--client'], { ...HOST, TOR_PT_CLIENT_TRANSPORTS: 'obfs4' }, 'dispatcher'],
  [['-state', 'x'], { SS_LOCAL_PORT: '1' }, 'dispatcher'],
  [[], { SS_LOCAL_PORT: '1', TOR_PT_SERVER_TRANSPORTS: 'obfs4' }, 'dispatcher'],
  [[], { ...HOST, TOR_PT_STATE_LOCATION: 'x', TOR_PT_CLIENT_TRANSPORTS: '' }, 'plugin'],
] as const)
  test(`is a ${chosen} by [${argv.join(' ')}] and ${JSON.stringify(environment)}`, () => {
    assert.equal(chooseInterface(argv, environment), chosen)
  })

for (const name of ['TOR_PT_MANAGED_TRANSPORT_VER', 'TOR_PT_CLIENT_TRANSPORTS', 'TOR_PT_SERVER_TRANSPORTS'])
  test(`tells either parent that SS_REMOTE_HOST and ${name} contradict each other`, () => {
    const failure = chooseInterface([], { ...HOST, [name]: '1' })
    assert.ok(failure instanceof IpcFailure)
    assert.deepEqual([failure.kind, failure.version], ['env', undefined])
    assert.equal(failure.text, `SS_REMOTE_HOST and ${name} cannot both be set without a flag`)
  })

for (const argv of [['-state', 'x'], ['--fast-open', 'secret'], ['-v']])
  test(`refuses the argument ${argv.at(-1)} beside SS_REMOTE_HOST`, () => {
    const chosen = chooseInterface(argv, HOST)
    assert.ok(typeof chosen === 'object' && 'problem' in chosen)
    assert.match(chosen.problem, /^SS_REMOTE_HOST is set: the options of a plugin are in SS_PLUGIN_OPTIONS/)
  })
