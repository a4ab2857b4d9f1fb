import { PtError } from '../core/errors.ts'
import type { Transport } from '../core/transport.ts'
import type { PtConfiguration } from './launch-options.ts'
import type { PtProcess } from './pt-process.ts'

/** Gives the role of a PT process as a Transport. Throws PT_TRANSPORT_UNKNOWN for one that it was not asked for. */
export function processTransport(_process: PtProcess, _configuration: PtConfiguration, _name: string): Transport {
  throw new PtError('PT_TRANSPORT_UNKNOWN', 'The PT process offers no transport of this name')
}
