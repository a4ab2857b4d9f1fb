import { fileURLToPath } from 'node:url'

/** The executable of this checkout. */
export const ptkitPath = fileURLToPath(new URL('../../cli/bin/ptkit', import.meta.url))
