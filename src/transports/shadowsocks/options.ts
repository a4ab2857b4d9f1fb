import { z } from 'zod'
import { defineOptions, invalidOption } from '../../core/options.ts'
import type { OptionsInput } from '../../core/options.ts'
import type { TcpAddress } from '../../core/platform.ts'
import { stateDirOption } from '../../core/state-dir-option.ts'
import { parseHostPort } from './host-port.ts'
import { keyOf, type Secret } from './keys.ts'
import { METHOD_NAMES, type MethodName, METHODS } from './methods.ts'

/** What a client works with. */
export interface ShadowsocksClientOptions {
  readonly secret: Secret
  readonly serverAddress?: TcpAddress
}

/** What a server works with. */
export interface ShadowsocksServerOptions {
  readonly secret: Secret
  /** As it was given: clients need it. */
  readonly password: string
  readonly stateDir?: string
}

const serverAddress = z
  .union([z.string(), z.strictObject({ host: z.string(), port: z.number() })])
  .transform((value, context) => {
    const parsed = parseHostPort(value)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom' })
    return z.NEVER
  })

const CLIENT_SOURCES = ['api', 'connection', 'bridge-line'] as const
const SERVER_SOURCES = ['api', 'server'] as const

const method = {
  wireName: 'method',
  secret: false,
  schema: z.enum(METHOD_NAMES),
  expects: `one of ${METHOD_NAMES.join(', ')}`,
  description: 'The cipher, and with it the edition of the protocol',
} as const

const password = {
  wireName: 'password',
  secret: true,
  schema: z.string().min(1),
  expects: 'a text that is not empty',
  description: 'What both sides know; with a method of 2022 the key in Base64',
} as const

/** The options of a client. */
export const clientOptions = defineOptions(
  'shadowsocks',
  {
    method: { ...method, from: CLIENT_SOURCES },
    password: { ...password, from: CLIENT_SOURCES },
    serverAddress: {
      wireName: 'serverAddress',
      secret: false,
      from: ['api', 'connection'],
      schema: serverAddress.optional(),
      expects: 'host:port, an IPv6 address in brackets',
      description: 'The server that every connection dials; host and port of connect() are then the target',
    },
  },
  {
    resolve: (values): ShadowsocksClientOptions => ({
      secret: secretOf(values.method, values.password),
      ...(values.serverAddress !== undefined && { serverAddress: values.serverAddress }),
    }),
  },
)

/** The options of a server. */
export const serverOptions = defineOptions(
  'shadowsocks',
  {
    method: { ...method, from: SERVER_SOURCES },
    password: { ...password, from: SERVER_SOURCES },
    stateDir: stateDirOption(SERVER_SOURCES, 'Where the salts of 2017 are kept; without it in memory only'),
  },
  {
    resolve: (values): ShadowsocksServerOptions => ({
      secret: secretOf(values.method, values.password),
      password: values.password,
      ...(values.stateDir !== undefined && { stateDir: values.stateDir }),
    }),
  },
)

function secretOf(name: MethodName, text: string): Secret {
  const chosen = METHODS[name]
  const key = keyOf(chosen, text)
  if (key === undefined) throw invalidOption('password', `the Base64 of ${chosen.keyLength} bytes with method ${name}`)
  return { method: chosen, key }
}

/** What shadowsocks.client() takes. */
export type ShadowsocksClientInput = OptionsInput<typeof clientOptions.definitions>

/** What shadowsocks.server() takes. */
export type ShadowsocksServerInput = OptionsInput<typeof serverOptions.definitions>
