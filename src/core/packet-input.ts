import { Buffer } from 'node:buffer'
import type { PacketInput, PacketSendOptions } from './packets.ts'
import type { UdpAddress } from './platform.ts'
import { parseTarget } from './target.ts'

/** Called once with what became of a packet: its length in bytes, or the error. */
export type SendCallback = (error: Error | null, length: number) => void

/**
 * Returns the bytes of what send() was given: of bytes a view, of a text or a list a new buffer.
 * Throws ERR_INVALID_ARG_TYPE, as dgram.Socket's send() does.
 */
export function readPacketInput(input: PacketInput): Uint8Array {
  if (!Array.isArray(input)) return partOf(input)
  return Buffer.concat(input.map(partOf))
}

/** Sorts what follows the packet in send(). Throws ERR_INVALID_ARG_TYPE, or PT_ADDRESS_INVALID for the sender's address. */
export function readSendArguments(
  options: PacketSendOptions | SendCallback | undefined,
  callback: SendCallback | undefined,
): { readonly from: UdpAddress | undefined; readonly callback: SendCallback | undefined } {
  if (typeof options !== 'object' || options === null) {
    checkSendCallback(options)
    return { from: undefined, callback: options }
  }
  checkSendCallback(callback)
  return { from: parseTarget(options.from, 'sender'), callback }
}

/** Throws ERR_INVALID_ARG_TYPE unless `callback` is a function or absent. */
export function checkSendCallback(callback: unknown): void {
  if (callback !== undefined && typeof callback !== 'function') throw invalidType('The callback must be a function')
}

function partOf(part: unknown): Uint8Array {
  // As it is: a view of its own would cost each packet more than its copy.
  if (part instanceof Uint8Array) return part
  if (typeof part === 'string') return Buffer.from(part)
  if (ArrayBuffer.isView(part)) return new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
  throw invalidType('A packet must be a text, bytes, or a list of both')
}

function invalidType(message: string): TypeError {
  return Object.assign(new TypeError(message), { code: 'ERR_INVALID_ARG_TYPE' })
}
