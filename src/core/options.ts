import type { z } from 'zod'
import { PtError } from './errors.ts'
import { closest, showName } from './option-names.ts'

/** Where options come from: the program, a server's settings, the arguments of one connection, a bridge line. */
export type OptionSource = 'api' | 'server' | 'connection' | 'bridge-line'

/** One option of a transport. Its schema says by `optional()` or `default()` whether it may be absent. */
export interface OptionDefinition<Schema extends z.ZodType = z.ZodType> {
  /** Its name in SOCKS arguments, flags, JSON and bridge lines. */
  readonly wireName: string
  /** Whether its value must stay out of logs and documentation. */
  readonly secret: boolean
  /** Where it may come from; from anywhere else it is PT_OPTION_FORBIDDEN. */
  readonly from: readonly OptionSource[]
  /** Takes both the API's natural value and the wire text. It must not throw. */
  readonly schema: Schema
  /** What a value is, ending the sentence "must be …": errors say this and never show the value. */
  readonly expects: string
  readonly description: string
}

/** The options of a transport by property name (camelCase). */
export type OptionDefinitions = Readonly<Record<string, OptionDefinition>>

type Shape<Definitions extends OptionDefinitions> = {
  readonly [Property in keyof Definitions]: Definitions[Property]['schema']
}

/**
 * What the API takes: natural values by property name; the wire spelling of a name is taken too. Nothing is required here,
 * since a connection's arguments may bring it; `complete` tells what is missing.
 */
export type OptionsInput<Definitions extends OptionDefinitions> = {
  readonly [Property in keyof Definitions]?: z.input<Definitions[Property]['schema']> | undefined
} & {
  readonly [Property in keyof Definitions as Definitions[Property]['wireName']]?:
    | z.input<Definitions[Property]['schema']>
    | undefined
}

/** Every option parsed, with defaults. */
export type OptionValues<Definitions extends OptionDefinitions> = Readonly<z.output<z.ZodObject<Shape<Definitions>>>>

/** Some options parsed: what one source gave. */
export type PartialOptions<Definitions extends OptionDefinitions> = Partial<OptionValues<Definitions>>

export interface OptionsRules<Definitions extends OptionDefinitions, Options> {
  /** Properties that mean something only together: when a later source gives one of them, the earlier source's are dropped. */
  readonly together?: readonly (keyof Definitions)[]
  /** Checks rules across options and makes what the transport works with; throws by `missingOption` and `invalidOption`. */
  readonly resolve: (values: OptionValues<Definitions>) => Options
}

export interface ArgumentsHandling {
  /** 'reject' in flags and JSON; 'ignore' in SOCKS arguments and bridge lines, which carry other people's keys. */
  readonly unknown: 'reject' | 'ignore'
  /** Hears the name of every argument that is ignored. */
  readonly onIgnored?: (name: string) => void
}

const SOURCE_PHRASES = {
  api: 'through the API',
  server: "in a server's settings",
  connection: 'per connection',
  'bridge-line': 'in a bridge line',
} as const satisfies Record<OptionSource, string>

/** Makes the error of an option that is absent and needed. `because` ends the sentence, e.g. `when "node-id" is given`. */
export function missingOption(wireName: string, because?: string): PtError {
  return new PtError(
    'PT_OPTION_MISSING',
    because === undefined ? `Option "${wireName}" is missing` : `Option "${wireName}" is missing ${because}`,
  )
}

/** Makes the error of an option whose value will not do. `expects` ends the sentence "must be …" and holds no value of a secret. */
export function invalidOption(wireName: string, expects: string, cause?: unknown): PtError {
  const message = `Option "${wireName}" must be ${expects}`
  return new PtError('PT_OPTION_INVALID', message, cause === undefined ? undefined : { cause })
}

/**
 * The one schema of a transport's options, for the API, flags, SOCKS arguments, JSON, bridge lines and documentation.
 * Each source is parsed to a partial; partials are merged, then completed. All results are copies and frozen.
 */
export class OptionsSchema<Definitions extends OptionDefinitions = OptionDefinitions, Options = unknown> {
  readonly definitions: Definitions
  readonly #transport: string
  readonly #rules: OptionsRules<Definitions, Options>
  readonly #properties = new Map<string, string>()

  constructor(transport: string, definitions: Definitions, rules: OptionsRules<Definitions, Options>) {
    this.definitions = definitions
    this.#transport = transport
    this.#rules = rules
    for (const [property, { wireName }] of Object.entries(definitions)) {
      if (this.#properties.has(wireName)) throw new RangeError(`two options of ${transport} have one wire name`)
      this.#properties.set(wireName, property)
    }
  }

  /**
   * Parses what a program gave: own keys by property name or wire name, each read once; undefined is absent.
   * Throws PT_OPTION_UNKNOWN, PT_OPTION_FORBIDDEN or PT_OPTION_INVALID.
   */
  parse(input: OptionsInput<Definitions>, source: OptionSource = 'api'): PartialOptions<Definitions> {
    if (Object.prototype.toString.call(input) !== '[object Object]')
      throw new PtError('PT_OPTION_INVALID', `The options of ${this.#transport} must be an object`)
    const values = new Map<string, unknown>()
    for (const key of Reflect.ownKeys(input)) {
      const property = this.#propertyOf(key, true)
      if (property === undefined) throw this.#unknown(key)
      const value = readOnce(input, key, this.definitions[property]!.wireName)
      if (value === undefined) continue
      const { wireName } = this.definitions[property]!
      if (values.has(property))
        throw new PtError(
          'PT_OPTION_INVALID',
          `Option "${wireName}" is given twice, as "${property}" and "${wireName}"`,
        )
      values.set(property, this.#parseOne(property, value, source))
    }
    return freezeValues(values) as PartialOptions<Definitions>
  }

  /**
   * Parses texts by wire name, as arguments of a connection, a bridge line or a server's settings carry them.
   * Throws PT_OPTION_FORBIDDEN or PT_OPTION_INVALID, and PT_OPTION_UNKNOWN if unknown names are to be rejected.
   */
  parseArguments(
    args: Readonly<Record<string, string>>,
    source: OptionSource,
    handling: ArgumentsHandling,
  ): PartialOptions<Definitions> {
    if (Object.prototype.toString.call(args) !== '[object Object]')
      throw new PtError('PT_OPTION_INVALID', `The arguments of ${this.#transport} must be an object`)
    const values = new Map<string, unknown>()
    for (const key of Reflect.ownKeys(args)) {
      const property = this.#propertyOf(key, false)
      if (property === undefined) {
        if (handling.unknown === 'reject') throw this.#unknown(key)
        handling.onIgnored?.(showName(key))
        continue
      }
      const { wireName } = this.definitions[property]!
      const value = readOnce(args, key, wireName)
      if (typeof value !== 'string') throw invalidOption(wireName, `text when it is given ${SOURCE_PHRASES[source]}`)
      values.set(property, this.#parseOne(property, value, source))
    }
    return freezeValues(values) as PartialOptions<Definitions>
  }

  /** Lays `over` on `base`: what a connection gives wins over the factory's options, and options that belong together are replaced together. */
  merge(base: PartialOptions<Definitions>, over: PartialOptions<Definitions>): PartialOptions<Definitions> {
    const together = new Set<PropertyKey>(this.#rules.together)
    const replaced = Object.keys(over).some((property) => together.has(property))
    const kept = Object.entries(base).filter(([property]) => !(replaced && together.has(property)))
    return freezeValues(new Map([...kept, ...Object.entries(over)])) as PartialOptions<Definitions>
  }

  /** Fills in defaults and checks that nothing is missing. Throws PT_OPTION_MISSING or PT_OPTION_INVALID. */
  complete(partial: PartialOptions<Definitions>): Options {
    const values = new Map<string, unknown>(Object.entries(partial))
    for (const [property, { schema, wireName }] of Object.entries(this.definitions)) {
      if (values.has(property)) continue
      const absent = schema.safeParse(undefined)
      if (!absent.success) throw missingOption(wireName)
      if (absent.data !== undefined) values.set(property, absent.data)
    }
    return copyFrozen(this.#rules.resolve(freezeValues(values) as OptionValues<Definitions>)) as Options
  }

  #propertyOf(key: string | symbol, orPropertyName: boolean): string | undefined {
    if (typeof key === 'symbol') return undefined
    return orPropertyName && Object.hasOwn(this.definitions, key) ? key : this.#properties.get(key)
  }

  #unknown(key: string | symbol): PtError {
    const near = typeof key === 'symbol' ? undefined : closest(key, [...this.#properties.keys()])
    const hint = near === undefined ? '' : `; did you mean "${near}"?`
    return new PtError('PT_OPTION_UNKNOWN', `Transport ${this.#transport} has no option "${showName(key)}"${hint}`)
  }

  #parseOne(property: string, value: unknown, source: OptionSource): unknown {
    const { wireName, from, schema, expects } = this.definitions[property]!
    if (!from.includes(source))
      throw new PtError('PT_OPTION_FORBIDDEN', `Option "${wireName}" cannot be given ${SOURCE_PHRASES[source]}`)
    const parsed = schema.safeParse(value)
    if (!parsed.success) throw invalidOption(wireName, expects)
    return parsed.data
  }
}

/**
 * Defines the options of a transport; their types follow from the schemas.
 * Without `resolve`, the completed options are the parsed values themselves.
 */
export function defineOptions<const Definitions extends OptionDefinitions>(
  transport: string,
  definitions: Definitions,
): OptionsSchema<Definitions, OptionValues<Definitions>>
export function defineOptions<const Definitions extends OptionDefinitions, Options>(
  transport: string,
  definitions: Definitions,
  rules: OptionsRules<Definitions, Options>,
): OptionsSchema<Definitions, Options>
export function defineOptions<const Definitions extends OptionDefinitions>(
  transport: string,
  definitions: Definitions,
  rules: OptionsRules<Definitions, unknown> = { resolve: (values) => values },
): OptionsSchema<Definitions> {
  return new OptionsSchema(transport, definitions, rules)
}

function readOnce(from: object, key: string | symbol, wireName: string): unknown {
  try {
    return Reflect.get(from, key)
  } catch (cause) {
    throw invalidOption(wireName, 'readable, but reading it threw', cause)
  }
}

function freezeValues(values: ReadonlyMap<string, unknown>): unknown {
  return copyFrozen(Object.fromEntries(values))
}

/** Copies plain objects, arrays and bytes and freezes the copies (bytes cannot be frozen); anything else is passed on. */
function copyFrozen(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value)
  if (Array.isArray(value)) return Object.freeze(value.map(copyFrozen))
  if (typeof value !== 'object' || value === null) return value
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return value
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyFrozen(item)])))
}
