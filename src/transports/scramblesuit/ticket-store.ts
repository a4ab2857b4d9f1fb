import { createHash } from 'node:crypto'
import type { Address, Clock, StateDirectory, Store } from '../../core/platform.ts'
import type { Log } from '../../core/log.ts'
import { openSlotFile } from '../../core/state-file.ts'
import { MASTER_KEY_LENGTH, TICKET_LENGTH, TICKET_LIFE_MS } from './constants.ts'

/** A ticket as its client has it. */
export interface SessionTicket {
  /** 32 bytes. */
  readonly masterKey: Buffer
  /** 112 bytes. */
  readonly ticket: Buffer
}

/** Servers whose newest ticket a client keeps. */
export const MAX_KEPT_TICKETS = 256

/** Where a client's tickets are kept: one for each server, the newest, and each is handed out once. */
export interface TicketStore {
  /** Tells whether there may be a ticket, as far as that is known without looking. */
  expects(server: string): boolean
  /** Takes the ticket of a server out, before it is used. Never rejects: what cannot be removed is not handed out. */
  take(server: string): Promise<SessionTicket | undefined>
  /** Keeps a ticket, which it copies, in place of the one before. Never rejects. */
  put(server: string, ticket: SessionTicket): Promise<void>
}

/** Names a server for the store: 16 hexadecimal digits that tell neither its address nor its password. */
export function serverKeyOf(address: Address, password: Uint8Array): string {
  const where = 'path' in address ? `path ${address.path}` : `${address.host} ${address.port}`
  return createHash('sha256')
    .update(password)
    .update(where)
    .digest('hex')
    .slice(0, 2 * SERVER_KEY_LENGTH)
}

interface Entry extends SessionTicket {
  readonly server: string
  /** In ms since 1970. */
  readonly receivedAt: number
}

function isAlive({ receivedAt }: Entry, now: number): boolean {
  return Math.abs(now - receivedAt) < TICKET_LIFE_MS
}

/** Keeps tickets in memory. */
export class MemoryTickets implements TicketStore {
  readonly #clock: Pick<Clock, 'now'>
  /** The oldest first. */
  readonly #entries = new Map<string, Entry>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  expects(server: string): boolean {
    return this.#entries.has(server)
  }

  take(server: string): Promise<SessionTicket | undefined> {
    const entry = this.#entries.get(server)
    this.#entries.delete(server)
    return Promise.resolve(entry !== undefined && isAlive(entry, this.#clock.now()) ? entry : undefined)
  }

  put(server: string, { masterKey, ticket }: SessionTicket): Promise<void> {
    this.#entries.delete(server)
    if (this.#entries.size >= MAX_KEPT_TICKETS) this.#entries.delete(this.#entries.keys().next().value!)
    this.#entries.set(server, {
      server,
      receivedAt: this.#clock.now(),
      masterKey: Buffer.from(masterKey),
      ticket: Buffer.from(ticket),
    })
    return Promise.resolve()
  }
}

/**
 * The file of tickets: a header, then slots, which are all zero while they are empty.
 *
 *     header  8 magic ‖ 8 zeros
 *     slot    8 server ‖ 8 received at, ms since 1970, BE ‖ 32 master key ‖ 112 ticket ‖ 16 first bytes of the SHA-256 of all before
 */
const TICKETS_FILE = 'scramblesuit_tickets.bin'
const MAGIC = Buffer.from('ptticket', 'latin1')
const HEADER_LENGTH = 16
const SERVER_KEY_LENGTH = 8
const RECEIVED_AT = SERVER_KEY_LENGTH
const MASTER_KEY_AT = RECEIVED_AT + 8
const TICKET_AT = MASTER_KEY_AT + MASTER_KEY_LENGTH
const CHECK_AT = TICKET_AT + TICKET_LENGTH
const SLOT_LENGTH = CHECK_AT + 16
/** The length of the file in bytes. */
export const TICKETS_FILE_LENGTH = HEADER_LENGTH + MAX_KEPT_TICKETS * SLOT_LENGTH

function checkOf(slot: Buffer): Buffer {
  return createHash('sha256')
    .update(slot.subarray(0, CHECK_AT))
    .digest()
    .subarray(0, SLOT_LENGTH - CHECK_AT)
}

function encodeSlot({ server, receivedAt, masterKey, ticket }: Entry): Buffer {
  const slot = Buffer.alloc(SLOT_LENGTH)
  slot.write(server, 'hex')
  slot.writeBigUInt64BE(BigInt(receivedAt), RECEIVED_AT)
  slot.set(masterKey, MASTER_KEY_AT)
  slot.set(ticket, TICKET_AT)
  slot.set(checkOf(slot), CHECK_AT)
  return slot
}

/** Returns undefined for an empty slot, and one that is not as it was written. */
function decodeSlot(slot: Buffer): Entry | undefined {
  if (!checkOf(slot).equals(slot.subarray(CHECK_AT))) return undefined
  return {
    server: slot.toString('hex', 0, SERVER_KEY_LENGTH),
    receivedAt: Number(slot.readBigUInt64BE(RECEIVED_AT)),
    masterKey: Buffer.from(slot.subarray(MASTER_KEY_AT, TICKET_AT)),
    ticket: Buffer.from(slot.subarray(TICKET_AT, CHECK_AT)),
  }
}

function createTicketsFile(): Buffer {
  const content = Buffer.alloc(TICKETS_FILE_LENGTH)
  MAGIC.copy(content)
  return content
}

/** Writes one slot, by its index. */
type WriteSlot = (index: number, bytes: Buffer) => Promise<void>

export interface FileTicketsParameters {
  readonly stateDir: string
  readonly store: Store
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
}

/**
 * Keeps tickets in a file, which is locked, read and written for each of them: several factories and processes may share it, and none redeems what another has
 * taken. Who finds it locked goes without a ticket.
 */
export class FileTickets implements TicketStore {
  readonly #parameters: FileTicketsParameters
  #directory: Promise<StateDirectory> | undefined
  /** Servers that had a ticket when the file was last read. */
  #seen: ReadonlySet<string> = new Set()
  /** What was asked for before. */
  #busy: Promise<unknown> = Promise.resolve()
  /** Tickets that wait to be written, the newest of each server: however many one sends, they are one. */
  readonly #waiting = new Map<string, Entry>()

  constructor(parameters: FileTicketsParameters) {
    this.#parameters = parameters
  }

  expects(server: string): boolean {
    return this.#seen.has(server)
  }

  take(server: string): Promise<SessionTicket | undefined> {
    return this.#inTurn(() =>
      this.#withFile(async (entries, write) => {
        const index = entries.findIndex((entry) => entry?.server === server)
        if (index === -1) return undefined
        const entry = entries[index]!
        await write(index, Buffer.alloc(SLOT_LENGTH))
        entries[index] = undefined
        return isAlive(entry, this.#parameters.clock.now()) ? entry : undefined
      }),
    )
  }

  put(server: string, { masterKey, ticket }: SessionTicket): Promise<void> {
    const receivedAt = Math.floor(this.#parameters.clock.now())
    const entry = { server, receivedAt, masterKey: Buffer.from(masterKey), ticket: Buffer.from(ticket) }
    const isWaiting = this.#waiting.has(server)
    this.#waiting.set(server, entry)
    if (isWaiting) return this.#busy.then(() => undefined)
    return this.#inTurn(() => {
      const newest = this.#waiting.get(server)!
      this.#waiting.delete(server)
      return this.#withFile(async (entries, write) => {
        const index = slotFor(server, entries)
        await write(index, encodeSlot(newest))
        entries[index] = newest
      })
    })
  }

  /** Runs one task after the other. */
  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const done = this.#busy.then(task)
    this.#busy = done
    return done
  }

  /** Runs `use` on the file's entries when nobody else has it; resolves with undefined where that fails, which is told. */
  async #withFile<Result>(
    use: (entries: (Entry | undefined)[], write: WriteSlot) => Promise<Result>,
  ): Promise<Result | undefined> {
    try {
      return await this.#openAndUse(use)
    } catch (error) {
      this.#parameters.log('ticket-store:error', { code: codeOf(error) })
      return undefined
    }
  }

  async #openAndUse<Result>(
    use: (entries: (Entry | undefined)[], write: WriteSlot) => Promise<Result>,
  ): Promise<Result> {
    const { store, stateDir } = this.#parameters
    this.#directory ??= store.directory(stateDir)
    const directory = await this.#directory.catch((error: unknown) => {
      this.#directory = undefined
      throw error
    })
    const file = await openSlotFile(directory, {
      name: TICKETS_FILE,
      length: TICKETS_FILE_LENGTH,
      create: createTicketsFile,
      isValid: (content) => content.subarray(0, MAGIC.length).equals(MAGIC),
      what: 'one of session tickets',
    })
    try {
      const entries = Array.from({ length: MAX_KEPT_TICKETS }, (_, index) => {
        const at = HEADER_LENGTH + index * SLOT_LENGTH
        return decodeSlot(file.initial.subarray(at, at + SLOT_LENGTH))
      })
      const result = await use(entries, (index, bytes) => file.write(HEADER_LENGTH + index * SLOT_LENGTH, bytes))
      this.#seen = new Set(entries.flatMap((entry) => entry?.server ?? []))
      return result
    } finally {
      await file.close()
    }
  }
}

/** Chooses the slot of a new ticket: its server's, or else an empty one, or else the oldest ticket's. */
function slotFor(server: string, entries: readonly (Entry | undefined)[]): number {
  const own = entries.findIndex((entry) => entry?.server === server)
  if (own !== -1) return own
  const empty = entries.indexOf(undefined)
  if (empty !== -1) return empty
  return entries.reduce((oldest, entry, index) => (entry!.receivedAt < entries[oldest]!.receivedAt ? index : oldest), 0)
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
