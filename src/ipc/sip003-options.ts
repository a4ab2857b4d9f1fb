import { showName } from '../core/option-names.ts'
import type { Arguments } from '../core/transport.ts'
import { splitOnce, splitUnescaped, unescape } from './escaped-text.ts'

/** What a name without a value stands for, as in `server`. */
export const FLAG_VALUE = '1'

const FORM = 'must have the form name=value;name;name=value, with ";", "=" and "\\" escaped by a "\\"'

/** A plugin's options by name, or what is wrong with their text: it ends a sentence, and repeats no value. */
export type PluginOptions = { readonly options: ReadonlyMap<string, string> } | { readonly problem: string }

/**
 * Parses the options of a SIP003 plugin, `name=value;flag`: a backslash takes away the meaning of what follows it, a `=` within a value needs none. A name
 * by itself has the value `1`; nothing between two separators is nothing.
 */
export function parsePluginOptions(text: string): PluginOptions {
  const options = new Map<string, string>()
  for (const entry of splitUnescaped(text, ';')) {
    if (entry === '') continue
    const [key, rest] = splitOnce(entry, '=')
    const [name, value] = [unescape(key), rest === undefined ? FLAG_VALUE : unescape(rest)]
    if (name === undefined || name === '' || value === undefined) return { problem: FORM }
    if (options.has(name)) return { problem: `must not have "${showName(name)}" twice` }
    options.set(name, value)
  }
  return { options }
}

/** Formats options so that every host's configuration and every plugin can read them. Throws RangeError for what no line can hold. */
export function formatPluginOptions(options: Arguments): string {
  const pairs = Object.entries(options)
  for (const [name, value] of pairs)
    if (name === '' || /\p{Cc}/u.test(name + value))
      throw new RangeError('options of a plugin have names, and no control characters')
  return pairs.map((pair) => pair.map(escape).join('=')).join(';')
}

function escape(text: string): string {
  return text.replaceAll(/[\\;=]/g, String.raw`\$&`)
}
