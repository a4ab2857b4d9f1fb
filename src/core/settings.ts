import { PtError } from './errors.ts'
import { resolveLimits } from './limits.ts'
import { closest, showName } from './option-names.ts'
import type { Platform } from './platform.ts'
import type { FactorySettings, Logger } from './transport.ts'

const SETTING_NAMES = Object.keys({
  platform: true,
  logger: true,
  dialTimeoutMs: true,
  handshakeTimeoutMs: true,
  lingerMs: true,
  unsafeLogging: true,
  optionsPerConnection: true,
} satisfies Record<keyof FactorySettings, true>)

/** What must be a function of each member of a platform. */
const PLATFORM_METHODS = {
  dialer: ['dial'],
  binder: ['bind'],
  datagrams: ['bind', 'connect'],
  tls: ['connect'],
  web: ['open'],
  store: ['directory'],
  clock: ['now', 'monotonic', 'setTimer', 'defer'],
  random: ['fill'],
} as const satisfies { readonly [Member in keyof Platform]: readonly (keyof Platform[Member])[] }

const LOGGER_METHODS = ['debug', 'info', 'warn', 'error'] as const satisfies readonly (keyof Logger)[]

/** Checks a factory's settings, and returns them copied and frozen. Throws PT_OPTION_UNKNOWN or PT_OPTION_INVALID. */
export function parseSettings(settings: FactorySettings = {}): FactorySettings {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw invalid('The settings of a factory must be an object')
  const given = Object.freeze({ ...settings })
  const unknown = Reflect.ownKeys(given).find((key) => typeof key === 'symbol' || !SETTING_NAMES.includes(key))
  if (unknown !== undefined) throw unknownSetting(unknown)
  const { platform, logger, unsafeLogging, optionsPerConnection } = given
  if (platform !== undefined) checkPlatform(platform)
  if (logger !== undefined) checkLogger(logger)
  for (const [name, value] of Object.entries({ unsafeLogging, optionsPerConnection }))
    if (value !== undefined && typeof value !== 'boolean') throw invalid(`Setting "${name}" must be true or false`)
  resolveLimits(given)
  return given
}

function unknownSetting(key: string | symbol): PtError {
  const near = typeof key === 'symbol' ? undefined : closest(key, SETTING_NAMES)
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  return new PtError('PT_OPTION_UNKNOWN', `A factory has no setting "${showName(key)}"${hint}`)
}

function checkPlatform(platform: unknown): void {
  if (!isObject(platform)) throw invalid('Setting "platform" must be an object')
  for (const [name, methods] of Object.entries(PLATFORM_METHODS)) {
    const member: unknown = Reflect.get(platform, name)
    const lacking = isObject(member)
      ? methods.find((method) => typeof Reflect.get(member, method) !== 'function')
      : methods[0]
    if (lacking !== undefined) throw invalid(`Setting "platform" must have the function ${name}.${lacking}()`)
  }
}

function checkLogger(logger: unknown): void {
  if (!isObject(logger)) throw invalid('Setting "logger" must be an object')
  for (const name of LOGGER_METHODS) {
    const method: unknown = Reflect.get(logger, name)
    if (method !== undefined && typeof method !== 'function')
      throw invalid(`Member "${name}" of setting "logger" must be a function`)
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function invalid(message: string): PtError {
  return new PtError('PT_OPTION_INVALID', message)
}
