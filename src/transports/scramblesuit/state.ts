import type { StateDirectory } from '../../core/platform.ts'
import { corruptState, parseStateObject, stateObjectOf, usableState } from '../../core/state-file.ts'
import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { type Random, randomBytes } from '../../util/random.ts'
import { SECRET_LENGTH } from './constants.ts'
import { formatPassword, parsePassword } from './password.ts'
import { KEPT_KEY_COUNT, TICKET_KEY_LENGTH, type TicketKey } from './ticket-keys.ts'

export const STATE_FILE = 'scramblesuit_state.json'
export const TICKET_KEYS_FILE = 'scramblesuit_ticket_keys.json'

/** What a server works with. */
export interface ServerState {
  /** k_B: 20 bytes. */
  readonly password: Buffer
  /** The password came from options, while a different one is stored, which was left as it is. */
  readonly overridesStored: boolean
}

/**
 * Loads a server's password: from options, or else from the state file, or else made anew. A new one is saved, but never over another. Rejects with
 * PT_STATE_CORRUPT, the file untouched, or PT_STATE_UNUSABLE with the system's error as its cause.
 *
 * Two processes that start at once in one directory could each make a password: hold the directory's lock before.
 */
export async function loadServerState(
  directory: StateDirectory | undefined,
  given: Buffer | undefined,
  random: Random,
): Promise<ServerState> {
  const content = directory && (await usableState(STATE_FILE, directory.read(STATE_FILE)))
  const stored = content && parseState(content.toString('utf8'))
  const password = given ?? stored ?? randomBytes(random, SECRET_LENGTH)
  if (directory !== undefined && stored === undefined) {
    const text = `${JSON.stringify({ password: formatPassword(password) })}\n`
    await usableState(STATE_FILE, directory.replace(STATE_FILE, text))
  }
  return { password, overridesStored: stored !== undefined && !constantTimeEqual(stored, password) }
}

/** Loads the keys of tickets, the newest first; none where there is no file. Rejects as loadServerState() does. */
export async function loadTicketKeys(directory: StateDirectory): Promise<readonly TicketKey[]> {
  const content = await usableState(TICKET_KEYS_FILE, directory.read(TICKET_KEYS_FILE))
  return content === undefined ? [] : parseTicketKeys(content.toString('utf8'))
}

/** Saves the keys of tickets. Rejects with PT_STATE_UNUSABLE, the system's error as its cause. */
export async function saveTicketKeys(directory: StateDirectory, keys: readonly TicketKey[]): Promise<void> {
  const stored = keys.map(({ createdAt, key }) => ({ 'created-at': createdAt, key: key.toString('hex') }))
  await usableState(TICKET_KEYS_FILE, directory.replace(TICKET_KEYS_FILE, `${JSON.stringify({ keys: stored })}\n`))
}

function parseState(text: string): Buffer {
  const { password } = parseStateObject(STATE_FILE, text)
  const secret = typeof password === 'string' ? parsePassword(password) : undefined
  if (secret === undefined) throw corruptState(STATE_FILE, '"password" does not have 32 characters of Base32')
  return secret
}

function parseTicketKeys(text: string): readonly TicketKey[] {
  const { keys } = parseStateObject(TICKET_KEYS_FILE, text)
  if (!Array.isArray(keys) || keys.length > KEPT_KEY_COUNT) {
    throw corruptState(TICKET_KEYS_FILE, `"keys" is not a list of ${KEPT_KEY_COUNT} at the most`)
  }
  return keys.map((entry: unknown) => {
    const { 'created-at': createdAt, key } = stateObjectOf(TICKET_KEYS_FILE, entry)
    if (typeof createdAt !== 'number' || !Number.isSafeInteger(createdAt) || createdAt < 0) {
      throw corruptState(TICKET_KEYS_FILE, '"created-at" is not a time in milliseconds')
    }
    const digits = 2 * TICKET_KEY_LENGTH
    if (typeof key !== 'string' || key.length !== digits || !/^[0-9a-f]*$/i.test(key)) {
      throw corruptState(TICKET_KEYS_FILE, `"key" does not have ${digits} hexadecimal digits`)
    }
    return { createdAt, key: Buffer.from(key, 'hex') }
  })
}
