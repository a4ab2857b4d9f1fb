import { decodeCookieFile } from '../wire/extended-orport.ts'
import { failureFields } from './failure-text.ts'

/** More than the 64 bytes of a cookie file: what is longer is told from one. */
const MOST_COOKIE_FILE_LENGTH = 65

export interface CookieFileParameters {
  readonly path: string
  readonly readFile: (path: string, mostLength: number) => Promise<Buffer>
  /** Hears of a file that cannot be used: in one sentence without its path, and again only after it could be. */
  readonly warn: (text: string) => void
}

/** Makes what reads the cookie file of an Extended ORPort anew for each connection, since tor rewrites it. Rejects as `readFile` does. */
export function createCookieReader({ path, readFile, warn }: CookieFileParameters): () => Promise<Buffer> {
  let isUsable = true
  const note = (fault?: string): void => {
    if (isUsable && fault !== undefined) warn(`The cookie file of the Extended ORPort ${fault}; clients are let go`)
    isUsable = fault === undefined
  }
  return async () => {
    try {
      const file = await readFile(path, MOST_COOKIE_FILE_LENGTH)
      note(decodeCookieFile(file) === undefined ? 'is not one' : undefined)
      return file
    } catch (error) {
      const { code, message } = failureFields(error, false)
      note(`cannot be read: ${code ?? message}`)
      throw error
    }
  }
}
