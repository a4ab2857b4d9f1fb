import { PtError } from './errors.ts'

const NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/
const MAX_NAME_LENGTH = 64

/** Says whether a text is a PT name: a C identifier (the draft's rule), of 64 characters at the most (ours). */
export function isTransportName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= MAX_NAME_LENGTH && NAME.test(name)
}

/** Returns the name if it is a PT name; throws PT_NAME_INVALID otherwise. */
export function parseTransportName(name: unknown): string {
  if (isTransportName(name)) return name
  throw new PtError(
    'PT_NAME_INVALID',
    `A transport's name is a letter or underscore, then letters, digits and underscores, ${MAX_NAME_LENGTH} at the most`,
  )
}
