import type { Random } from '../util/random.ts'
import { uniformInteger } from '../util/random.ts'

/** How a Wire that was cut ends: with FIN for the reader, or with a reset for both ends. */
export type Cut = 'fin' | 'reset'

/** The end of a link that reads a Wire: what the Wire calls. */
export interface WireReader {
  /** Takes one piece; called only after want(). */
  deliver(piece: Buffer): void
  /** Takes the FIN. */
  deliverEnd(): void
}

/** What a Wire needs of its network. */
export interface WireHost {
  readonly capacity: number
  /** Has pump() called in a later turn. */
  schedule(wire: Wire): void
  /** Has both ends of the wire's link reset. */
  resetLink(wire: Wire): void
}

/**
 * One direction of a memory link: a bounded pipe, and a tap on it. What is set before the first byte holds for every byte;
 * offsets count the wire's bytes from 0. A write is called back once the pipe has room again, as a kernel's send buffer does.
 */
export class Wire {
  readonly #host: WireHost
  readonly #reader: WireReader
  #queue: Buffer[] = []
  #queued = 0
  #sent: Buffer[] = []
  #sentLength = 0
  #delivered = 0
  #wanted = false
  #blocked: (() => void) | undefined
  #end: 'open' | 'asked' | 'given' = 'open'
  #cut: { readonly offset: number; readonly how: Cut } | undefined
  #isCut = false
  #flips = new Map<number, number>()
  #pieceLength: (() => number) | undefined
  #coalesces = false
  #allowance = Number.POSITIVE_INFINITY
  #holdsEnd = false
  #recording = true

  constructor(host: WireHost, reader: WireReader) {
    this.#host = host
    this.#reader = reader
  }

  /** Delivers pieces of `length` bytes (the last of a write may be shorter), each in a turn of its own. */
  chop(length: number): void {
    this.#pieceLength = () => length
  }

  /** Delivers pieces of 1 to `longest` bytes, drawn from `random`, each in a turn of its own. */
  chopRandomly(random: Random, longest: number): void {
    this.#pieceLength = () => uniformInteger(random, 1, longest)
  }

  /** Delivers everything that was written in a turn as one piece. */
  coalesce(): void {
    this.#coalesces = true
  }

  /** Delivers nothing until release(). */
  hold(): void {
    this.#allowance = 0
  }

  /** Lets `length` more bytes through, by default all that come. */
  release(length: number = Number.POSITIVE_INFINITY): void {
    this.#allowance += length
    this.#host.schedule(this)
  }

  /** Cuts the wire: the first `offset` bytes arrive, then FIN or a reset; the rest is lost without the writer's knowing. */
  truncate(offset: number, how: Cut = 'fin'): void {
    this.#cut = { offset, how }
    if (this.#sentLength >= offset) this.#doCut(how)
  }

  /** Flips the bits of `mask` (1 to 255) in the byte at `offset`. */
  flip(offset: number, mask = 1): void {
    this.#flips.set(offset, mask)
  }

  /** Keeps the FIN back until releaseEnd(). */
  holdEnd(): void {
    this.#holdsEnd = true
  }

  releaseEnd(): void {
    this.#holdsEnd = false
    this.#host.schedule(this)
  }

  /** Keeps no copy of what is written from now on: for large transfers. */
  stopRecording(): void {
    this.#recording = false
    this.#sent = []
  }

  /** Every byte written so far, before cuts and flips; owned by the caller. */
  get sent(): Buffer {
    return Buffer.concat(this.#sent)
  }

  /** How many bytes were written. */
  get sentLength(): number {
    return this.#sentLength
  }

  /** How many bytes the reader was given. */
  get deliveredLength(): number {
    return this.#delivered
  }

  /** How many bytes lie in the pipe. */
  get queuedLength(): number {
    return this.#queued
  }

  /** Whether truncate() has taken effect. */
  get isCut(): boolean {
    return this.#isCut
  }

  /** Whether the writer has sent its FIN (or the cut has). */
  get hasEnded(): boolean {
    return this.#end !== 'open'
  }

  /** Takes bytes of the writer, which it copies; calls back once there is room. */
  write(bytes: Uint8Array, callback: () => void): void {
    const offset = this.#sentLength
    const copy = Buffer.from(bytes)
    if (this.#recording) this.#sent.push(Buffer.from(bytes))
    this.#sentLength += copy.length
    if (this.#isCut) {
      callback()
      return
    }
    this.#flipWithin(copy, offset)
    this.#enqueue(this.#cut === undefined ? copy : copy.subarray(0, Math.max(0, this.#cut.offset - offset)))
    if (this.#cut !== undefined && this.#sentLength >= this.#cut.offset) this.#doCut(this.#cut.how)
    if (this.#queued < this.#host.capacity) callback()
    else this.#blocked = callback
  }

  /** Takes the writer's FIN. */
  end(): void {
    if (this.#end === 'open') this.#end = 'asked'
    this.#host.schedule(this)
  }

  /** Says that the reader takes one piece. */
  want(): void {
    this.#wanted = true
    if (this.#pieceLength === undefined && !this.#coalesces) this.pump()
    else this.#host.schedule(this)
  }

  /** Drops what lies in the pipe, for a reader that has gone; frees the writer. Returns whether anything was unread. */
  discard(): boolean {
    const unread = this.#queued > 0
    this.#queue = []
    this.#queued = 0
    this.#unblock()
    return unread
  }

  /** Gives the reader its next piece, or the FIN, when it wants one. */
  pump(): void {
    if (this.#wanted && this.#queued > 0 && this.#allowance > 0) {
      const piece = this.#take()
      this.#wanted = false
      this.#delivered += piece.length
      if (this.#queued < this.#host.capacity) this.#unblock()
      this.#reader.deliver(piece)
    }
    if (this.#queued === 0 && this.#end === 'asked' && !this.#holdsEnd) {
      this.#end = 'given'
      this.#reader.deliverEnd()
    }
  }

  #enqueue(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#queue.push(bytes)
    this.#queued += bytes.length
    this.#host.schedule(this)
  }

  #doCut(how: Cut): void {
    this.#isCut = true
    if (how === 'fin') this.end()
    else this.#host.resetLink(this)
  }

  #flipWithin(bytes: Buffer, offset: number): void {
    for (const [at, mask] of this.#flips) {
      const index = at - offset
      if (index >= 0 && index < bytes.length) bytes[index]! ^= mask
    }
  }

  #take(): Buffer {
    if (this.#coalesces) this.#queue = [Buffer.concat(this.#queue)]
    const first = this.#queue[0]!
    const length = Math.min(first.length, this.#pieceLength?.() ?? first.length, this.#allowance)
    if (length === first.length) this.#queue.shift()
    else this.#queue[0] = first.subarray(length)
    this.#queued -= length
    this.#allowance -= length
    return first.subarray(0, length)
  }

  #unblock(): void {
    const callback = this.#blocked
    this.#blocked = undefined
    callback?.()
  }
}
