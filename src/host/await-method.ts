import { PtError } from '../core/errors.ts'
import type { Method, PtProcess } from './pt-process.ts'
import { showLine } from './show-line.ts'

/**
 * Resolves with what a process offers by this name, at once or when its next child is ready. Rejects with PT_HOST_FAILED where the
 * transport has failed or is of the other role, PT_HOST_EXITED when no child will come, or the signal's reason.
 */
export async function awaitMethod<Kind extends Method['kind']>(
  process: PtProcess,
  { name, kind }: { readonly name: string; readonly kind: Kind },
  signal: AbortSignal,
): Promise<Extract<Method, { readonly kind: Kind }>> {
  for (;;) {
    signal.throwIfAborted()
    const method = process.methods.get(name)
    if (method?.kind === kind) return method as Extract<Method, { readonly kind: Kind }>
    const failure = process.failures.get(name)
    if (failure !== undefined) throw failed(name, `it says: ${showLine(failure)}`)
    if (process.methods.size > 0) throw failed(name, 'it offers others')
    if (process.closed) throw new PtError('PT_HOST_EXITED', 'The PT process has ended and is not started again')
    await change(process, signal)
  }
}

/** Resolves when a child is ready or none will be. */
function change(process: PtProcess, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      process.off('ready', settle).off('close', settle)
      signal.removeEventListener('abort', settle)
      resolve()
    }
    process.on('ready', settle).on('close', settle)
    signal.addEventListener('abort', settle)
  })
}

function failed(name: string, why: string): PtError {
  return new PtError('PT_HOST_FAILED', `The PT process does not offer the transport ${name}: ${why}`)
}
