interface SystemError extends Error {
  readonly code: string
  readonly errno?: number
  readonly syscall: string
}

function isSystemError(error: unknown): error is SystemError {
  if (!(error instanceof Error) || !('code' in error)) return false
  return typeof error.code === 'string' && ('syscall' in error || error instanceof AggregateError)
}

/**
 * Copies a system error without the address, port and name that it holds and that its message repeats (draft 6.4).
 * code, errno and syscall stay, since callers branch on them. Any other error is returned as it is.
 */
export function scrubError(error: unknown): Error {
  if (!isSystemError(error)) return error instanceof Error ? error : new Error(String(error))
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const { code, errno, syscall } = isSystemError(first) ? first : error
  const scrubbed = new Error(`${syscall ?? 'connect'} ${code}`)
  return Object.assign(scrubbed, { code, syscall, ...(errno === undefined ? {} : { errno }) })
}
