import { PtError } from '../core/errors.ts'
import { STATE_DIR } from '../core/state-dir-option.ts'
import type { Arguments, OptionsReader } from '../core/transport.ts'

/** Says whether a transport keeps state on the side that these options are of. */
export function keepsState({ definitions }: OptionsReader): boolean {
  return Object.values(definitions).some(({ wireName }) => wireName === STATE_DIR)
}

/** Adds the state directory, which the parent alone names, where the transport keeps state and there is one. Throws PT_OPTION_FORBIDDEN where the options name it. */
export function addState(schema: OptionsReader, given: Arguments, stateLocation: string | undefined): Arguments {
  if (given[STATE_DIR] !== undefined)
    throw new PtError('PT_OPTION_FORBIDDEN', `Option "${STATE_DIR}" cannot be given beside the state location`)
  return stateLocation !== undefined && keepsState(schema) ? { ...given, [STATE_DIR]: stateLocation } : given
}
