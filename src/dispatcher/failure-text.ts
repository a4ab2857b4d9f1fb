import { scrubError } from '../core/scrub.ts'

/** Says in one sentence why something failed, for a line to the parent; without addresses unless they are wanted. */
export function describeFailure(error: unknown, unsafeLogging: boolean): string {
  const told = unsafeLogging && error instanceof Error ? error : scrubError(error)
  return told.message
}

/** Picks what an event may tell of an error: its code, or its message when it has none. */
export function failureFields(error: unknown): { readonly code?: string; readonly message?: string } {
  if (!(error instanceof Error)) return { message: String(error) }
  return 'code' in error && typeof error.code === 'string' ? { code: error.code } : { message: error.message }
}
