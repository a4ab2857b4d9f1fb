import type { IpcVersion } from './version.ts'

/** What ends a dispatcher before its methods: bad settings, no version in common, an upstream proxy that it may not use. */
export type IpcFailureKind = 'env' | 'version' | 'proxy'

/** Exit code of each failure, as sysexits.h names them: EX_USAGE, EX_CONFIG, EX_UNAVAILABLE. */
export const FAILURE_EXIT_CODES = Object.freeze({ env: 64, version: 78, proxy: 69 }) satisfies Readonly<
  Record<IpcFailureKind, number>
>

/** A failure that the parent is told in one error line, before the process exits. `text` names the culprits and holds no secret. */
export class IpcFailure extends Error {
  override readonly name = 'IpcFailure'
  readonly kind: IpcFailureKind
  /** What follows the keyword of the error line; never empty, one line. */
  readonly text: string
  readonly exitCode: number
  /** The version in force, which decides the line's stream; undefined when none is in common. */
  readonly version: IpcVersion | undefined

  constructor(kind: IpcFailureKind, text: string, version: IpcVersion | undefined) {
    super(text)
    this.kind = kind
    this.text = text
    this.exitCode = FAILURE_EXIT_CODES[kind]
    this.version = version
  }
}
