import type { ProcessOwner } from '../test/support/managed-process.ts'

/** Runs `use` with an owner whose processes end with it. */
export async function withOwner<T>(use: (owner: ProcessOwner) => Promise<T>): Promise<T> {
  const cleanUps: (() => Promise<void>)[] = []
  try {
    return await use({ after: (cleanUp) => void cleanUps.push(cleanUp) })
  } finally {
    for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  }
}
