import { invalidOption } from '../core/options.ts'
import { parseSettings } from '../core/settings.ts'
import type { LaunchOptions, Supervision } from './launch-options.ts'
import { membersOf } from './option-names.ts'

/** Takes arguments of a program, or flags of what runs without one. Throws PT_OPTION_INVALID for what is no list of texts. */
export function checkArguments(args: unknown): readonly string[] {
  if (!Array.isArray(args) || !args.every((argument) => typeof argument === 'string'))
    throw invalidOption('args', 'a list of texts')
  return Object.freeze([...args])
}

/** Takes what a process is started by, and copies it. Throws PT_OPTION_INVALID. */
export function checkCommand({
  command,
  args = [],
  env = {},
}: Partial<Pick<LaunchOptions, 'command' | 'args' | 'env'>>): Required<
  Pick<LaunchOptions, 'command' | 'args' | 'env'>
> {
  if (typeof command !== 'string' || command === '') throw invalidOption('command', 'the path or name of a program')
  const variables = Object.values(membersOf('env', env))
  if (!variables.every((value) => value === undefined || typeof value === 'string'))
    throw invalidOption('env', 'an object of texts, or undefined for what is to be taken away')
  return { command, args: checkArguments(args), env: Object.freeze({ ...env }) }
}

/** Refuses what would fail, or do nothing, when something is told or aborted. Throws PT_OPTION_INVALID. */
export function checkListeners({ logger, signal }: Pick<Supervision, 'logger' | 'signal'>): void {
  if (logger !== undefined) parseSettings({ logger })
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw invalidOption('signal', 'an AbortSignal')
}

/** Refuses a way to start children that is none or two, so that nothing of it is without effect. Throws PT_OPTION_INVALID. */
export function checkStart({
  startChild,
  ...command
}: Partial<Pick<LaunchOptions, 'command' | 'args' | 'env'>> & { readonly startChild?: unknown }): void {
  if (startChild === undefined) return void checkCommand(command)
  if (typeof startChild !== 'function') throw invalidOption('startChild', 'a function')
  for (const name of ['command', 'args', 'env'] as const)
    if (command[name] !== undefined) throw invalidOption(name, 'absent where startChild is given')
}
