import { z } from 'zod'
import type { OptionDefinition, OptionSource } from './options.ts'

/** Wire name of the option that tells a transport where its state is kept. */
export const STATE_DIR = 'state-dir'

const directoryPath = z
  .string()
  .min(1)
  .refine((path) => !path.includes('\0'))
  .optional()

/** Defines that option, the same for every transport that keeps state; `description` says what is kept there, and where it is kept otherwise. */
export function stateDirOption(
  from: readonly OptionSource[],
  description: string,
): OptionDefinition<typeof directoryPath> & { readonly wireName: typeof STATE_DIR } {
  return {
    wireName: STATE_DIR,
    secret: false,
    from,
    schema: directoryPath,
    expects: 'the path of a directory',
    description,
  }
}
