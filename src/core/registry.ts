import { PtError } from './errors.ts'
import { closest, showName } from './option-names.ts'
import { parseTransportName } from './name.ts'

/** Named transports, as a value: whoever looks a name up has been given the registry. Iterates in the order given. */
export interface Registry<Item extends { readonly name: string }> extends Iterable<Item> {
  readonly names: readonly string[]
  has(name: string): boolean
  /** Throws PT_TRANSPORT_UNKNOWN, naming those that are known. */
  get(name: string): Item
}

/** Makes a registry of transports. Throws PT_NAME_INVALID or PT_TRANSPORT_DUPLICATE. */
export function createRegistry<Item extends { readonly name: string }>(transports: Iterable<Item>): Registry<Item> {
  const byName = new Map<string, Item>()
  for (const transport of transports) {
    const name = parseTransportName(transport.name)
    if (byName.has(name)) throw new PtError('PT_TRANSPORT_DUPLICATE', `Two transports are named "${name}"`)
    byName.set(name, transport)
  }
  const names = Object.freeze([...byName.keys()])
  return Object.freeze({
    names,
    has: (name: string) => byName.has(name),
    get(name: string): Item {
      const found = byName.get(name)
      if (found !== undefined) return found
      throw new PtError('PT_TRANSPORT_UNKNOWN', describeUnknown(name, names))
    },
    [Symbol.iterator]: () => byName.values(),
  })
}

function describeUnknown(name: string, known: readonly string[]): string {
  const near = closest(name, known)
  const hint = near === undefined ? '' : `; did you mean "${near}"?`
  const list = known.length === 0 ? 'none is known' : `known are ${known.join(', ')}`
  return `There is no transport "${showName(name)}" (${list})${hint}`
}
