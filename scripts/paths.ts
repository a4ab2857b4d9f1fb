import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The checkout's top directory. */
export const root: string = dirname(dirname(fileURLToPath(import.meta.url)))
