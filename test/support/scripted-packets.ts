import { EventEmitter } from 'node:events'
import type {
  PacketConnection,
  PacketConnectionEvents,
  PacketInput,
  PacketSendOptions,
  PacketSource,
} from '../../src/core/packets.ts'

const SOURCE: PacketSource = { address: '192.0.2.1', family: 'IPv4', port: 443, size: 0 }

type SendCallback = (error: Error | null, length: number) => void

/** Makes an error as this package's own, by its code alone. */
export function packetError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/** A packet connection that does what a test says, and notes what it is asked for. Its 'close' comes when the test lets it. */
export class ScriptedPackets extends EventEmitter<PacketConnectionEvents> implements PacketConnection {
  connecting = true
  closed = false
  /** Packets that were sent, as text, in the state that it was in: queued, or written. */
  readonly queued: string[] = []
  readonly written: string[] = []
  /** How it was ended: `close`, `destroy`. */
  readonly endings: string[] = []
  /** What the next packets fail with. */
  failure: Error | undefined
  /** What ends it when the next packet is written; the packet is dropped then, as a stream's are. */
  breakWith: Error | undefined
  readonly counters = {
    sent: 0,
    sentBytes: 0,
    received: 0,
    receivedBytes: 0,
    dropped: { full: 0, tooLong: 0, malformed: 0, closed: 0, unreadable: 0 },
  }

  /** The connection is there. */
  succeed(): void {
    this.connecting = false
    this.emit('connect')
  }

  /** It fails, and closes at once. */
  fail(error: Error): void {
    this.closed = true
    this.connecting = false
    this.emit('error', error)
    this.emit('close')
  }

  /** It has ended; 'close' follows when the test says so. */
  end(): void {
    this.closed = true
    this.connecting = false
  }

  /** A packet of its peer. */
  bring(text: string): void {
    this.emit('message', Buffer.from(text), SOURCE)
  }

  /** It is over. */
  finish(): void {
    this.end()
    this.emit('close')
  }

  send(packet: PacketInput, given?: PacketSendOptions | SendCallback): void {
    const callback = typeof given === 'function' ? given : undefined
    const text = Buffer.from(packet as Uint8Array).toString()
    if (this.breakWith !== undefined) {
      this.closed = true
      callback?.(packetError('PT_PACKET_DROPPED'), 0)
      this.fail(this.breakWith)
      return
    }
    const failure = this.closed ? packetError('PT_PACKET_DROPPED') : this.failure
    if (failure !== undefined) callback?.(failure, 0)
    else {
      ;(this.connecting ? this.queued : this.written).push(text)
      if (!this.connecting) callback?.(null, text.length)
    }
  }

  close(): this {
    this.closed = true
    this.endings.push('close')
    return this
  }

  destroy(): this {
    this.closed = true
    this.connecting = false
    this.endings.push('destroy')
    setImmediate(() => this.emit('close'))
    return this
  }

  address(): PacketSource {
    return SOURCE
  }

  remoteAddress(): PacketSource {
    return SOURCE
  }

  getSendQueueSize(): number {
    return 0
  }

  getSendQueueCount(): number {
    return 0
  }

  ref(): this {
    return this
  }

  unref(): this {
    return this
  }
}
