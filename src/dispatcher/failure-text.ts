import { PtError } from '../core/errors.ts'
import { scrubError } from '../core/scrub.ts'

/** Says in one sentence why something failed, for a line to the parent; without addresses unless they are wanted. */
export function describeFailure(error: unknown, unsafeLogging: boolean): string {
  const told = unsafeLogging && error instanceof Error ? error : scrubError(error)
  return told.message
}

/** What an event tells of an error. */
export interface FailureFields {
  readonly code?: string
  readonly message?: string
  /** The code of the failure underneath; its message under unsafe logging. */
  readonly cause?: string
}

/** Picks what an event may tell of an error: codes, and the sentence of one that holds no address; every sentence under unsafe logging. */
export function failureFields(error: unknown, unsafeLogging: boolean): FailureFields {
  if (!(error instanceof Error)) return { message: String(error) }
  const code = codeOf(error)
  // A system error's message repeats its address.
  if (code !== undefined && !(error instanceof PtError) && !unsafeLogging) return { code }
  const cause = unsafeLogging && error.cause instanceof Error ? error.cause.message : codeOf(error.cause)
  return { ...(code !== undefined && { code }), message: error.message, ...(cause !== undefined && { cause }) }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
