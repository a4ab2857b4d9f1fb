import type { EventEmitter } from 'node:events'
import process from 'node:process'
import type { RunningPtProcess } from 'pluggable-transports/dispatcher'
import { isProcessAlive, watchParent } from './parent-watch.ts'

const LONG_MS = 2 ** 31 - 1

/**
 * Keeps this process alive until its parent dies or it is told to end; what signals it goes to `signals`. `parentId` is the process that
 * started this one.
 */
export function liveOn(running: RunningPtProcess, signals: EventEmitter, parentId: number): void {
  // A parent takes the end of a process without a transport for a crash, and starts it again.
  setInterval(() => {}, LONG_MS)
  for (const signal of ['SIGTERM', 'SIGINT']) {
    // The launcher's, which end a process that is still starting.
    process.removeAllListeners(signal)
    process.on(signal, () => signals.emit(signal))
  }
  watchParent({
    startedBy: parentId,
    parentId: () => process.ppid,
    isAlive: process.platform === 'win32' ? isProcessAlive : () => true,
    onDeath: () => running.stop(),
  })
  process.on('uncaughtException', (error) => running.crash(error))
}
