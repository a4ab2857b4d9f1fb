import { type ErrorCode, PtError } from '../core/errors.ts'
import type { TcpAddress } from '../core/platform.ts'
import { isLoopback } from '../dispatcher/outbound-source.ts'
import type { ChildLine } from '../ipc/parse-line.ts'
import { describeLie } from './bind-check.ts'
import { showLine } from './show-line.ts'
import type { Method } from './pt-process.ts'

type LineOf<Kind extends ChildLine['kind']> = Extract<ChildLine, { readonly kind: Kind }>
type MethodLine = LineOf<'client-method'> | LineOf<'server-method'>

export interface StartUpParameters {
  readonly role: 'client' | 'server'
  readonly transports: readonly string[]
  /** What was offered; the child must choose one of these spellings. */
  readonly versions: readonly string[]
  /** Whether an upstream proxy was asked for, so that nothing is usable until it is confirmed. */
  readonly proxied: boolean
  /** Where a server's transports were told to listen. */
  readonly bind?: Readonly<Record<string, TcpAddress>> | undefined
}

/** What one child says from its start to the end of its methods, judged line by line (PT 1.0 §3.3). */
export class StartUp {
  readonly #parameters: StartUpParameters
  readonly #methods = new Map<string, Method>()
  readonly #failures = new Map<string, string>()
  #version: string | undefined
  #proxyConfirmed = false
  #done = false
  #fault: PtError | undefined
  #offersNone = false

  constructor(parameters: StartUpParameters) {
    this.#parameters = parameters
  }

  get state(): 'starting' | 'ready' | 'failed' {
    if (this.#fault !== undefined) return 'failed'
    return this.#done ? 'ready' : 'starting'
  }

  /** The version that the child chose; empty before it has. */
  get version(): string {
    return this.#version ?? ''
  }

  get methods(): ReadonlyMap<string, Method> {
    return this.#methods
  }

  /** Transports that failed, and at the end of the methods those of which nothing was said. */
  get failures(): ReadonlyMap<string, string> {
    if (!this.#done) return this.#failures
    const silent = this.#parameters.transports.filter((name) => !this.#methods.has(name) && !this.#failures.has(name))
    return new Map([...this.#failures, ...silent.map((name) => [name, 'the PT process does not know it'] as const)])
  }

  /** Why it failed, with what the child has said by now. */
  toError(): PtError {
    if (!this.#offersNone || this.#failures.size === 0) return this.#fault!
    const texts = [...this.#failures].map(([name, text]) => `${name}: ${text}`)
    return new PtError('PT_HOST_FAILED', `The PT process offers none of the transports; ${texts.join('; ')}`)
  }

  /** Takes one line; says whether it had a meaning here. On standard error only the errors have one. */
  take(line: ChildLine, stream: 'stdout' | 'stderr'): boolean {
    if (line.kind === 'failure') return this.#takeFailure(line)
    if (line.kind === 'method-failure') return this.#takeMethodFailure(line, stream)
    if (stream === 'stderr') return false
    switch (line.kind) {
      case 'version':
        return this.#takeVersion(line.version)
      case 'proxy-done':
        // One that nobody asked for changes nothing.
        if (this.#parameters.proxied && this.#needsVersion('of the proxy')) this.#proxyConfirmed = true
        return this.#parameters.proxied
      case 'client-method':
      case 'server-method':
        return this.#takeMethod(line)
      case 'methods-done':
        return this.#takeDone(line.role)
      case 'broken':
        return this.#fail('PT_HOST_GRAMMAR', `The ${line.keyword} line of the PT process ${line.problem}`)
      default:
        return false
    }
  }

  #takeFailure({ failure, text }: LineOf<'failure'>): boolean {
    const said = text === '' ? '' : `: ${showLine(text)}`
    if (failure === 'proxy') return this.#fail('PT_HOST_PROXY', `The PT process refused the upstream proxy${said}`)
    const refused = failure === 'env' ? 'its settings' : 'the versions that were offered'
    return this.#fail('PT_HOST_FAILED', `The PT process refused ${refused}${said}`)
  }

  #takeVersion(version: string): boolean {
    if (this.#version !== undefined) return this.#fail('PT_HOST_GRAMMAR', 'The PT process chose a version twice')
    if (!this.#parameters.versions.includes(version))
      return this.#fail('PT_HOST_VERSION', 'The PT process chose a version that was not offered')
    this.#version = version
    return true
  }

  #takeMethod(line: MethodLine): boolean {
    const { role, transports, bind } = this.#parameters
    const { transport, address } = line
    if (!this.#needsVersion('a method')) return true
    const kind = line.kind === 'client-method' ? 'client' : 'server'
    if (kind !== role) return this.#fail('PT_HOST_GRAMMAR', `The PT process is a ${role} and offers a ${kind}'s method`)
    if (!transports.includes(transport)) return false
    if (this.#methods.has(transport) || this.#failures.has(transport))
      return this.#fail('PT_HOST_GRAMMAR', `The PT process has two answers for ${transport}`)
    // What it is told goes to this address in the clear: it must not leave this machine.
    if (kind === 'client' && !isLoopback(address.host))
      return this.#fail('PT_HOST_GRAMMAR', `The PT process takes ${transport} at an address that is not on loopback`)
    const lie = kind === 'server' && bind !== undefined && describeLie(bind[transport], address)
    if (lie)
      return this.#fail(
        'PT_HOST_GRAMMAR',
        `The PT process says that ${transport} listens on another ${lie} than it was told`,
      )
    const { kind: _, ...facts } = line
    this.#methods.set(transport, Object.freeze({ ...facts, kind }) as Method)
    return true
  }

  #takeMethodFailure({ role, transport, text }: LineOf<'method-failure'>, stream: 'stdout' | 'stderr'): boolean {
    const { role: own, transports } = this.#parameters
    if (role !== own || !transports.includes(transport)) return false
    // Standard error overtakes standard output, and comes after it: order says nothing there.
    if (stream === 'stdout' && !this.#needsVersion('a method')) return true
    if (this.#methods.has(transport))
      // One that works goes on working, whatever is said of it later.
      return !this.#done && this.#fail('PT_HOST_GRAMMAR', `The PT process has two answers for ${transport}`)
    if (!this.#failures.has(transport)) this.#failures.set(transport, showLine(text) || 'unknown error')
    return true
  }

  #takeDone(role: 'client' | 'server'): boolean {
    if (!this.#needsVersion('the end of its methods')) return true
    if (role !== this.#parameters.role)
      return this.#fail('PT_HOST_GRAMMAR', `The PT process ended the methods of a ${role}`)
    if (this.#parameters.proxied && !this.#proxyConfirmed)
      return this.#fail('PT_HOST_PROXY', 'The PT process did not confirm the upstream proxy')
    this.#offersNone = this.#methods.size === 0
    if (this.#offersNone) return this.#fail('PT_HOST_FAILED', 'The PT process offers none of the transports')
    this.#done = true
    return true
  }

  #needsVersion(what: string): boolean {
    if (this.#version === undefined) this.#fail('PT_HOST_GRAMMAR', `The PT process told ${what} before its version`)
    return this.#version !== undefined
  }

  /** The first fault counts. Returns true: the line had a meaning. */
  #fail(code: ErrorCode, message: string): true {
    this.#fault ??= new PtError(code, message)
    return true
  }
}
