import { PtError } from './errors.ts'

interface SystemError extends Error {
  readonly code: string
  readonly errno?: number
  readonly syscall: string
}

function isSystemError(error: unknown): error is SystemError {
  if (!(error instanceof Error) || !('code' in error)) return false
  return typeof error.code === 'string' && ('syscall' in error || error instanceof AggregateError)
}

/** An error of node:tls or OpenSSL: its message, and properties like `host` and `cert`, may hold names and addresses; it has no syscall. */
function isTlsError(error: unknown): error is Error & { readonly code: string } {
  if (!(error instanceof Error) || error instanceof PtError || !('code' in error) || 'syscall' in error) return false
  if (typeof error.code !== 'string') return false
  return /^ERR_(?:TLS|SSL|OSSL)_/.test(error.code) || ['host', 'cert', 'library'].some((name) => name in error)
}

/**
 * Copies a system error without the address, port and name that it holds and that its message repeats (draft 6.4).
 * code, errno and syscall stay, since callers branch on them; of an error of TLS, its code. Any other error is returned as it is.
 */
export function scrubError(error: unknown): Error {
  if (isTlsError(error)) return Object.assign(new Error(`TLS ${error.code}`), { code: error.code })
  if (!isSystemError(error)) return error instanceof Error ? error : new Error(String(error))
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error
  const { code, errno, syscall } = isSystemError(first) ? first : error
  const scrubbed = new Error(`${syscall ?? 'connect'} ${code}`)
  return Object.assign(scrubbed, { code, syscall, ...(errno === undefined ? {} : { errno }) })
}
