import { z } from 'zod'
import { defineOptions } from '../../core/options.ts'
import type { OptionsInput } from '../../core/options.ts'
import { stateDirOption } from '../../core/state-dir-option.ts'
import { parsePassword } from './password.ts'

/** What a client works with. */
export interface ScrambleSuitClientOptions {
  /** k_B: 20 bytes, a secret. */
  readonly password: Buffer
  readonly stateDir?: string | undefined
}

/** What a server works with. What is absent comes from the state directory, or is made. */
export interface ScrambleSuitServerOptions {
  /** k_B: 20 bytes, a secret. */
  readonly password?: Buffer | undefined
  readonly stateDir?: string | undefined
}

const password = z.string().transform((text, context) => {
  const secret = parsePassword(text)
  if (secret !== undefined) return secret
  context.addIssue({ code: 'custom' })
  return z.NEVER
})

const PASSWORD_EXPECTED = '32 characters of Base32, the 20 bytes that the bridge and its clients share'

/** The options of a client. */
export const clientOptions = defineOptions('scramblesuit', {
  password: {
    wireName: 'password',
    secret: true,
    from: ['api', 'connection', 'bridge-line'],
    schema: password,
    expects: PASSWORD_EXPECTED,
    description: "The bridge's password, as its bridge line has it",
  },
  stateDir: stateDirOption(
    ['api'],
    'Where session tickets are kept; without it they live as long as the Client Factory',
  ),
})

/** The options of a server. */
export const serverOptions = defineOptions('scramblesuit', {
  password: {
    wireName: 'password',
    secret: true,
    from: ['api', 'server'],
    schema: password.optional(),
    expects: PASSWORD_EXPECTED,
    description: 'The password that clients need; without it the stored one, or one that is made',
  },
  stateDir: stateDirOption(
    ['api', 'server'],
    'Where password, ticket keys and replay filters are kept; without it they live in memory only',
  ),
})

/** What scramblesuit.client() takes. */
export type ScrambleSuitClientInput = OptionsInput<typeof clientOptions.definitions>

/** What scramblesuit.server() takes. */
export type ScrambleSuitServerInput = OptionsInput<typeof serverOptions.definitions>
