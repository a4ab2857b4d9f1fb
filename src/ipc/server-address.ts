import { invalidOption } from '../core/options.ts'
import type { TcpAddress } from '../core/platform.ts'
import type { Arguments } from '../core/transport.ts'
import { parseAddress } from './address.ts'

/** Name of the client's option and per-connection argument that names the PT server (PT 3.0 §3.3.3.4). */
export const SERVER_ADDRESS = 'serverAddress'

/**
 * Takes the PT server out of options or per-connection arguments: `rest` is what the transport's own schema is given.
 * A host name is allowed. Throws PT_OPTION_INVALID.
 */
export function takeServerAddress(args: Arguments): {
  readonly serverAddress: TcpAddress | undefined
  readonly rest: Arguments
} {
  const { [SERVER_ADDRESS]: text, ...rest } = args
  if (text === undefined) return { serverAddress: undefined, rest }
  const serverAddress = parseAddress(text, { names: true, minPort: 1 })
  if (serverAddress === undefined) throw invalidOption(SERVER_ADDRESS, 'host:port, an IPv6 address in brackets')
  return { serverAddress, rest }
}
