import type { DispatcherConfig } from '../ipc/config.ts'

/** Throws for the modes that carry packets, which are not offered: bytes of another framing must not reach an application. */
export function refusePacketMode(mode: DispatcherConfig['mode']): void {
  if (mode === 'transparent-UDP' || mode === 'STUN') throw new Error(`the mode ${mode} is not offered`)
}
