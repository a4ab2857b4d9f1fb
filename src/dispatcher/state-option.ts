import type { OptionsReader } from '../core/transport.ts'

/** Wire name of the option that tells a transport where its state is kept. */
export const STATE_DIR = 'state-dir'

/** Says whether a transport keeps state on the side that these options are of. */
export function keepsState({ definitions }: OptionsReader): boolean {
  return Object.values(definitions).some(({ wireName }) => wireName === STATE_DIR)
}
