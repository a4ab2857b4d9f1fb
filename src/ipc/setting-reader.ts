import type { TcpAddress } from '../core/platform.ts'
import { type AddressRules, parseAddress, parseIpcHost, parseIpcPort } from './address.ts'
import { IpcFailure } from './failure.ts'
import type { Flags } from './flags.ts'
import type { FlagName, TextFlag } from './settings.ts'
import type { IpcVersion } from './version.ts'

/** A setting's text and the flag or variable that it came from, for messages. */
export interface Given {
  readonly text: string
  readonly from: string
}

/** The flags of a row that gives one address: whole, or in halves. */
export interface AddressFlags {
  readonly whole?: TextFlag
  readonly host: TextFlag
  readonly port: TextFlag
}

const EXPECTED = {
  address: 'must be ip:port, an IPv6 address in brackets',
  named: 'must be host:port, an IPv6 address in brackets',
} as const

/** Reads settings from flags and environment, the flags winning. Every method that fails throws the ENV-ERROR, which names what is wrong. */
export class SettingReader {
  readonly version: IpcVersion
  readonly flags: Flags
  readonly #environment: Readonly<Record<string, string | undefined>>

  constructor(flags: Flags, environment: Readonly<Record<string, string | undefined>>, version: IpcVersion) {
    this.flags = flags
    this.#environment = environment
    this.version = version
  }

  fail(text: string): never {
    throw new IpcFailure('env', text, this.version)
  }

  /** Reads one variable of the environment; an empty one counts as absent. */
  variable(name: string): Given | undefined {
    const text = readVariable(this.#environment, name)
    return text === undefined ? undefined : { text, from: name }
  }

  flag(name: TextFlag): Given | undefined {
    const text = this.flags.text(name)
    return text === undefined ? undefined : { text, from: `-${name}` }
  }

  /** Reads a row with one flag and one variable. */
  either(flag: TextFlag, variable: string): Given | undefined {
    return this.flag(flag) ?? this.variable(variable)
  }

  /** Refuses two flags that exclude each other. */
  refuseBoth(one: FlagName, other: FlagName): void {
    if (this.flags.has(one) && this.flags.has(other)) this.fail(`-${one} and -${other} cannot both be given`)
  }

  /** Refuses the first flag without the second. */
  needs(one: FlagName, other: FlagName): void {
    if (this.flags.has(one) && !this.flags.has(other)) this.fail(`-${one} needs -${other}`)
  }

  address({ text, from }: Given, rules: AddressRules): TcpAddress {
    return parseAddress(text, rules) ?? this.fail(`${from} ${rules.names ? EXPECTED.named : EXPECTED.address}`)
  }

  /** Reads a row whose address is given whole or in halves, by flags; undefined when it is not given. */
  addressFlags({ whole, host, port }: AddressFlags, rules: AddressRules): TcpAddress | undefined {
    for (const half of [host, port]) if (whole !== undefined) this.refuseBoth(whole, half)
    this.needs(host, port)
    this.needs(port, host)
    const given = whole === undefined ? undefined : this.flag(whole)
    if (given !== undefined) return this.address(given, rules)
    const [hostText, portText] = [this.flag(host), this.flag(port)]
    return hostText === undefined || portText === undefined ? undefined : this.#halves(hostText, portText, rules)
  }

  /** Reads one of a few words in any case; `fallback` when it is not given. */
  oneOf<const Word extends string>(flag: TextFlag, words: readonly Word[], fallback: Word): Word {
    const text = this.flags.text(flag)
    if (text === undefined) return fallback
    const found = words.find((word) => word.toLowerCase() === text.toLowerCase())
    return found ?? this.fail(`-${flag} must be one of ${words.join(', ')}`)
  }

  /** Reads decimal digits of a number within limits; undefined when the flag is not given. */
  wholeNumber(flag: TextFlag, { min, max }: { readonly min: number; readonly max: number }): number | undefined {
    const text = this.flags.text(flag)
    if (text === undefined) return undefined
    const number = /^\d{1,15}$/.test(text) ? Number(text) : -1
    return number >= min && number <= max ? number : this.fail(`-${flag} must be a whole number from ${min} to ${max}`)
  }

  #halves(host: Given, port: Given, rules: AddressRules): TcpAddress {
    return Object.freeze({
      host:
        parseIpcHost(host.text, rules.names) ??
        this.fail(`${host.from} must be an IP address${rules.names ? ' or a host name' : ''}`),
      port:
        parseIpcPort(port.text, rules.minPort) ??
        this.fail(`${port.from} must be a port from ${rules.minPort} to 65535`),
    })
  }
}

/** Reads one variable; an empty one counts as absent. */
export function readVariable(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
): string | undefined {
  const text = Object.hasOwn(environment, name) ? environment[name] : undefined
  return text === '' ? undefined : text
}
