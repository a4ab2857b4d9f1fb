import { PtError } from './errors.ts'
import type { SlotFile, StateDirectory } from './platform.ts'

/** Says that a state file does not hold what it should; nothing writes over it. */
export function corruptState(file: string, what: string): PtError {
  return new PtError('PT_STATE_CORRUPT', `The state file ${file} is refused and left as it is: ${what}`)
}

/** Turns the system's error of an access into PT_STATE_UNUSABLE, which names the file. */
export async function usableState<Value>(file: string, access: Promise<Value>): Promise<Value> {
  try {
    return await access
  } catch (cause) {
    if (cause instanceof PtError) throw cause
    throw new PtError('PT_STATE_UNUSABLE', `The state file ${file} cannot be read or written`, { cause })
  }
}

/** Parses the JSON object of a state file. Throws PT_STATE_CORRUPT without a word of its content. */
export function parseStateObject(file: string, text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Its message would quote what it stumbled over, which may be a key.
    throw corruptState(file, 'it is not JSON')
  }
  return stateObjectOf(file, value)
}

/** Gives the members of a value in a state file. Throws PT_STATE_CORRUPT unless it is an object. */
export function stateObjectOf(file: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw corruptState(file, 'it is not a JSON object')
  return value as Readonly<Record<string, unknown>>
}

/** A file of slots: its length in bytes, its first content, and what its content must be, which ends the sentence "it is not …". */
export interface SlotFileForm {
  readonly name: string
  readonly length: number
  readonly create: () => Buffer
  readonly isValid: (content: Buffer) => boolean
  readonly what: string
}

/** Opens a file of slots under its lock. Rejects with what openSlots() rejects with, and PT_STATE_CORRUPT for another content; the lock is then free. */
export async function openSlotFile(directory: StateDirectory, form: SlotFileForm): Promise<SlotFile> {
  const slots = await directory.openSlots(form.name, form.length, form.create)
  if (form.isValid(slots.initial)) return slots
  await slots.close()
  throw corruptState(form.name, `it is not ${form.what}`)
}
