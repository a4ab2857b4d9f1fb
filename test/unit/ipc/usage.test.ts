import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FLAGS } from '../../../src/ipc/settings.ts'
import { formatUsage } from '../../../src/ipc/usage.ts'

const VARIABLES: readonly (readonly [flag: string, variable: string])[] = [
  ['ptversion', 'TOR_PT_MANAGED_TRANSPORT_VER'],
  ['state', 'TOR_PT_STATE_LOCATION'],
  ['exit-on-stdin-close', 'TOR_PT_EXIT_ON_STDIN_CLOSE'],
  ['client', 'TOR_PT_CLIENT_TRANSPORTS'],
  ['server', 'TOR_PT_SERVER_TRANSPORTS'],
  ['proxy', 'TOR_PT_PROXY'],
  ['bindaddr', 'TOR_PT_SERVER_BINDADDR'],
  ['bindport', 'TOR_PT_SERVER_BINDADDR'],
  ['options', 'TOR_PT_SERVER_TRANSPORT_OPTIONS'],
  ['target', 'TOR_PT_ORPORT'],
  ['orport', 'TOR_PT_ORPORT'],
  ['extorport', 'TOR_PT_EXTENDED_SERVER_PORT'],
  ['authcookie', 'TOR_PT_AUTH_COOKIE_FILE'],
]

for (const [flag, variable] of VARIABLES)
  test(`shows ${variable} beside -${flag}`, () => {
    const line = formatUsage('ptkit')
      .split('\n')
      .find((candidate) => new RegExp(`^ +-${flag} `).test(candidate))
    assert.ok(line?.includes(variable), line)
  })

test('shows every flag, and the variables that have none', () => {
  const usage = formatUsage('ptkit')
  for (const flag of Object.keys(FLAGS)) assert.match(usage, new RegExp(`^ +-${flag}( |$)`, 'm'))
  assert.match(usage, /TOR_PT_OUTBOUND_BIND_ADDRESS_V4[^]*TOR_PT_OUTBOUND_BIND_ADDRESS_V6/)
})

test('shows how a shadowsocks host starts it', () => {
  assert.match(
    formatUsage('ptkit'),
    /SIP003[^]*SS_REMOTE_HOST[^]*SS_PLUGIN_OPTIONS\n +server;transport=name;state=directory/,
  )
})
