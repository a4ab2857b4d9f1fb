import assert from 'node:assert/strict'
import fc from 'fast-check'
import { readPluginConfig } from '../../src/ipc/sip003.ts'
import { formatPluginOptions, parsePluginOptions } from '../../src/ipc/sip003-options.ts'
import { fuzz } from '../support/fuzz.ts'

const signs = fc.string({ unit: fc.constantFrom('\\', ';', '=', 'a', '1', ' ', 'é') })
const texts = fc.oneof(signs, fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
const clean = texts.map((text) => text.replaceAll(/\p{Cc}/gu, ''))
const names = fc.oneof(
  clean.filter((text) => text !== ''),
  fc.constantFrom('__proto__', 'server', 'state', 'loglevel', 'transport', 'toString'),
)

fuzz(
  'plugin options are read back as they were printed',
  fc.dictionary(names, clean, { maxKeys: 8 }),
  (options) => {
    const parsed = parsePluginOptions(formatPluginOptions(options))
    assert.ok('options' in parsed)
    assert.deepEqual([...parsed.options], Object.entries(options))
  },
  { share: 0.2 },
)

fuzz(
  'any text is plugin options that print as the same, or a problem that repeats nothing of it',
  fc.record({ text: texts, secret: fc.stringMatching(/^[g-z]{30}$/) }),
  ({ text, secret }) => {
    const parsed = parsePluginOptions(`${text}${secret}`)
    if ('problem' in parsed) assert.ok(!parsed.problem.includes(secret))
    else if (!/\p{Cc}/u.test(text)) {
      const again = parsePluginOptions(formatPluginOptions(Object.fromEntries(parsed.options)))
      assert.deepEqual(again, { options: new Map(Object.entries(Object.fromEntries(parsed.options))) })
    }
  },
  { share: 0.2 },
)

const variables = fc.record(
  Object.fromEntries(
    ['SS_REMOTE_HOST', 'SS_REMOTE_PORT', 'SS_LOCAL_HOST', 'SS_LOCAL_PORT', 'SS_PLUGIN_OPTIONS'].map((name) => [
      name,
      fc.oneof(texts, fc.constantFrom('127.0.0.1', '::1|a.example', '443', 'server;state=x', 'cert=a;loglevel=debug')),
    ]),
  ),
  { requiredKeys: [] },
)

fuzz(
  'any environment is a whole configuration of a plugin, or one problem',
  variables,
  (environment) => {
    const config = readPluginConfig(environment)
    if ('problem' in config) assert.match(config.problem, /^(?:SS_\w+|Option "[\w-]+") /)
    else {
      assert.ok(Object.isFrozen(config) && config.remote.hosts.length > 0)
      for (const { port } of [config.remote, config.local]) assert.ok(port >= 1 && port <= 65_535)
    }
  },
  { share: 0.2 },
)
