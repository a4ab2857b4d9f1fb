import assert from 'node:assert/strict'
import type { PacketFraming } from '../../../src/core/packet-framing.ts'

/** Turns hex with spaces into bytes. */
export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex')

/** All that a reader gave for a stream in pieces, and what it was left with. The pieces are overwritten once they are read. */
export interface Reading {
  readonly packets: readonly Buffer[]
  readonly skipped: number
  readonly fault: string | undefined
  readonly pendingLength: number
}

/** Reads a stream in pieces, up to a fault. */
export function readStream(framing: PacketFraming, pieces: Iterable<Uint8Array>): Reading {
  const reader = framing.reader()
  const packets: Buffer[] = []
  let skipped = 0
  let fault: string | undefined
  for (const piece of pieces) {
    const given = new Uint8Array(piece)
    const read = reader.receive(given)
    given.fill(0xee)
    packets.push(...read.packets)
    skipped += read.skipped ?? 0
    fault = read.fault
    if (fault !== undefined) break
  }
  return { packets, skipped, fault, pendingLength: reader.pendingLength }
}

/** Cuts a stream in pieces of one length. */
export function* piecesOf(stream: Buffer, length: number): Generator<Buffer> {
  for (let at = 0; at < stream.length; at += length) yield stream.subarray(at, at + length)
}

/** Checks that a stream is read as exactly these packets, in pieces of any length. */
export function assertReads(framing: PacketFraming, stream: Buffer, packets: readonly Buffer[], skipped = 0): void {
  for (let length = 1; length <= stream.length; length++) {
    const reading = readStream(framing, piecesOf(stream, length))
    assert.deepEqual(reading, { packets, skipped, fault: undefined, pendingLength: 0 }, `in pieces of ${length}`)
  }
}
