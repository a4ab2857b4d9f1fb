/** The families of the IPC: within one, errors go to the same stream and lines have the same form. */
export type IpcFamily = 1 | 2 | 3

/** A version of the IPC that this package speaks. */
export type IpcVersionNumber = '1.0' | '2.0' | '2.1' | '2.2' | '3.0'

/** The version of the IPC in force between a parent and this process. */
export interface IpcVersion {
  readonly family: IpcFamily
  readonly number: IpcVersionNumber
  /** As the parent spelled it, e.g. `1` or `2`: the answer repeats it. */
  readonly spelling: string
}

/** Every spelling that is understood, from the lowest version to the highest. */
const SPELLINGS = [
  ['1', '1.0', 1],
  ['1.0', '1.0', 1],
  ['2', '2.0', 2],
  ['2.0', '2.0', 2],
  ['2.1', '2.1', 2],
  ['2.2', '2.2', 2],
  ['3', '3.0', 3],
  ['3.0', '3.0', 3],
] as const satisfies readonly (readonly [spelling: string, number: IpcVersionNumber, family: IpcFamily])[]

/** What is spoken to a parent that lists no version. */
export const LATEST_VERSION: IpcVersion = Object.freeze({ family: 3, number: '3.0', spelling: '3.0' })

/**
 * Chooses the highest version that a parent's list and this package have in common; undefined where there is none.
 * Without a list it is 3.0 (PT 3.0 §3.2.1, PT 1.0 §3.2).
 */
export function negotiateVersion(list: string | undefined): IpcVersion | undefined {
  if (list === undefined) return LATEST_VERSION
  const listed = new Set(list.split(',').map((word) => word.trim()))
  const found = SPELLINGS.findLast(([spelling]) => listed.has(spelling))
  if (found === undefined) return undefined
  const [spelling, number, family] = found
  return Object.freeze({ family, number, spelling })
}
