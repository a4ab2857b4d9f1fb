import process from 'node:process'

/** Runs `act`, and returns what was thrown where nobody can catch it. */
export async function uncaughtErrors(act: () => Promise<void>): Promise<unknown[]> {
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => void uncaught.push(error))
  try {
    await act()
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  return uncaught
}
