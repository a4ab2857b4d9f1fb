import { PtError } from './errors.ts'

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/

/** Says whether a text is a PT name: a C identifier (the draft's rule, section 5.1), of any length. */
export function isTransportName(name: unknown): name is string {
  return typeof name === 'string' && NAME.test(name)
}

/** Returns the name if it is a PT name; throws PT_NAME_INVALID otherwise. */
export function parseTransportName(name: unknown): string {
  if (isTransportName(name)) return name
  throw new PtError(
    'PT_NAME_INVALID',
    "A transport's name is a letter or underscore, then letters, digits and underscores",
  )
}
