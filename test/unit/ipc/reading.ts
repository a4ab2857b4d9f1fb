import { readDispatcherConfig } from '../../../src/ipc/read-config.ts'
import type { ClientConfig, DispatcherConfig, ServerConfig } from '../../../src/ipc/config.ts'
import { IpcFailure } from '../../../src/ipc/failure.ts'

/** What a test configures from: words of a command line separated by spaces, and variables without their prefix. */
export interface Given {
  readonly flags?: string | readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly readFile?: (path: string, mostLength: number) => string
}

/** Reads a configuration in which obfs4 and webtunnel are known. */
export function read({ flags = [], env = {}, readFile = missingFile }: Given): DispatcherConfig | IpcFailure {
  return readDispatcherConfig({
    argv: typeof flags === 'string' ? flags.split(' ') : flags,
    environment: Object.fromEntries(Object.entries(env).map(([name, value]) => [`TOR_PT_${name}`, value])),
    knownTransports: ['obfs4', 'webtunnel'],
    readFile,
  })
}

/** Reads a client's configuration, with obfs4 unless the test names transports. */
export function readClient(given: Given): ClientConfig {
  const config = orThrow(read(given))
  if (config.role !== 'client') throw new Error('not a client')
  return config
}

/** Reads a server's configuration. */
export function readServer(given: Given): ServerConfig {
  const config = orThrow(read(given))
  if (config.role !== 'server') throw new Error('not a server')
  return config
}

/** Reads what must fail, and returns the failure. */
export function readFailure(given: Given): IpcFailure {
  const failure = read(given)
  if (failure instanceof IpcFailure) return failure
  throw new Error('the configuration was accepted')
}

function orThrow(result: DispatcherConfig | IpcFailure): DispatcherConfig {
  if (result instanceof IpcFailure) throw result
  return result
}

function missingFile(): never {
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' })
}
