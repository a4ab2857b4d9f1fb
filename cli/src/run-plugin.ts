import { EventEmitter } from 'node:events'
import { resolve } from 'node:path'
import process from 'node:process'
import { builtInTransports, systemPlatform } from 'pluggable-transports'
import { makeStateDirectorySync, runPlugin } from 'pluggable-transports/dispatcher'
import { exitWhenWritten } from './exit.ts'
import { liveOn } from './live-on.ts'

/** Runs as the SIP003 plugin of the host that started this process, until the host, a signal or a failure ends it. */
export async function runAsPlugin({
  name,
  parentId,
}: {
  readonly name: string
  readonly parentId: number
}): Promise<void> {
  const signals = new EventEmitter()
  const running = await runPlugin({
    name,
    environment: process.env,
    registry: builtInTransports,
    platform: systemPlatform,
    err: process.stderr,
    signals,
    makeStateDirectory: (location) => makeStateDirectorySync(resolve(location)),
    openLog: async (location, level, onError) => {
      // Loaded where it is asked for alone.
      const { createLogFile } = await import('./log-file.ts')
      return createLogFile(resolve(location), level, onError)
    },
    exit: exitWhenWritten,
  })
  if (running !== undefined) liveOn(running, signals, parentId)
}
