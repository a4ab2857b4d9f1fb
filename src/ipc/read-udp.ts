import type { ProxyMode } from './config.ts'
import type { SettingReader } from './setting-reader.ts'
import type { TextFlag } from './settings.ts'

const DEFAULT_IDLE_TIMEOUT_S = 120
/** A timer of more ms than 31 bits hold would fire at once. */
const LONGEST_IDLE_TIMEOUT_S = 2_147_483
const DEFAULT_QUEUE = 64
const LONGEST_QUEUE = 65_536

/** Says whether a mode carries packets (PT 3.0 §1.5). */
export function isPacketMode(mode: ProxyMode): mode is 'transparent-UDP' | 'STUN' {
  return mode === 'transparent-UDP' || mode === 'STUN'
}

/** Reads how long a connection lives without a packet, in ms. */
export function readUdpIdleTimeoutMs(reader: SettingReader, mode: ProxyMode): number {
  refuseWithoutPackets(reader, mode, 'udpIdleTimeout')
  return (
    (reader.wholeNumber('udpIdleTimeout', { min: 1, max: LONGEST_IDLE_TIMEOUT_S }) ?? DEFAULT_IDLE_TIMEOUT_S) * 1000
  )
}

/** Reads how many packets wait for a connection. */
export function readUdpQueue(reader: SettingReader, mode: ProxyMode): number {
  refuseWithoutPackets(reader, mode, 'udpQueue')
  return reader.wholeNumber('udpQueue', { min: 0, max: LONGEST_QUEUE }) ?? DEFAULT_QUEUE
}

/** In a mode of streams the flag would be without effect: somebody forgot the mode. */
function refuseWithoutPackets(reader: SettingReader, mode: ProxyMode, flag: TextFlag): void {
  if (reader.flags.has(flag) && !isPacketMode(mode))
    reader.fail(`-${flag} is for the modes transparent-UDP and STUN, and the mode is ${mode}`)
}
