import { setTimeout as delay } from 'node:timers/promises'

const INTERVAL_MS = 50

/** Asks something again and again until it has an answer; rejects, with what is wanted, when the time is over. */
export async function poll<Value>(
  wanted: string,
  limitMs: number,
  ask: () => Promise<Value | undefined>,
): Promise<Value> {
  const deadline = Date.now() + limitMs
  for (;;) {
    const value = await ask()
    if (value !== undefined) return value
    if (Date.now() > deadline) throw new Error(`${wanted}: not within ${limitMs} ms`)
    await delay(INTERVAL_MS)
  }
}
