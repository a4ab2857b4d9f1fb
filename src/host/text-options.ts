import { invalidOption } from '../core/options.ts'
import { type OptionDefinitions, OptionsSchema } from '../core/options.ts'
import type { Arguments } from '../core/transport.ts'

/**
 * The options of a transport that another program implements: whatever is given, as text. Nothing is unknown, missing or forbidden here;
 * the program finds that.
 */
export class TextOptions extends OptionsSchema<OptionDefinitions, Arguments> {
  constructor(transport: string) {
    super(transport, {}, { resolve: () => ({}) })
  }

  /** Takes texts, numbers and truth values by wire name; undefined is absent. Throws PT_OPTION_INVALID. */
  override parse(input: unknown): Arguments {
    if (Object.prototype.toString.call(input) !== '[object Object]')
      throw invalidOption('options', 'an object of texts by name')
    const entries = Object.entries(input as object)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]: [string, unknown]) => [name, textOf(name, value)] as const)
    return Object.freeze(Object.fromEntries(entries))
  }

  /** Takes texts; throws PT_OPTION_INVALID for anything else. */
  override parseArguments(args: Arguments): Arguments {
    return this.parse(args)
  }

  override merge(base: Arguments, over: Arguments): Arguments {
    return Object.freeze({ ...base, ...over })
  }

  override complete(partial: Arguments): Arguments {
    return partial
  }
}

function textOf(name: string, value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  // Neither the variables of the environment nor a USERID can carry a NUL.
  if (typeof value !== 'string' || name === '' || `${name}${value}`.includes('\0'))
    throw invalidOption(name, 'a text without NUL, a number or a truth value, with a name')
  return value
}
