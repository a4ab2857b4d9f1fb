import { closest, showName } from '../core/option-names.ts'
import { FLAGS, type FlagName, type SwitchFlag, type TextFlag, flagShape } from './settings.ts'

/** The flags of one command line. A flag given with another's value, or twice, is a problem, not an exception: the version comes first. */
export interface Flags {
  /** Each thing that is wrong, ready for an ENV-ERROR; values are not repeated. */
  readonly problems: readonly string[]
  has(name: FlagName): boolean
  text(name: TextFlag): string | undefined
  /** On, off, or undefined when it was not given. */
  switch(name: SwitchFlag): boolean | undefined
}

/** Values of a switch that is on. */
export const ON: ReadonlySet<string> = new Set(['1', 'true'])
/** Values of a switch that is off. */
export const OFF: ReadonlySet<string> = new Set(['0', 'false'])

/** Parses arguments of a command line: `-flag value`, `-flag=value`, `-switch`, with one dash or two. */
export function parseFlags(argv: readonly string[]): Flags {
  const texts = new Map<string, string>()
  const switches = new Map<string, boolean>()
  const problems: string[] = []
  for (let index = 0; index < argv.length; index++) {
    const { name, attached } = splitFlag(argv[index]!)
    const shape = name === undefined ? undefined : flagShape(name)
    if (name === undefined || shape === undefined) {
      problems.push(describeUnknown(name))
      continue
    }
    if (texts.has(name) || switches.has(name)) problems.push(`-${name} is given twice`)
    if (shape.value === undefined) {
      const on = attached === undefined || ON.has(attached)
      if (!on && !OFF.has(attached)) problems.push(`-${name} takes 1, true, 0 or false, or nothing`)
      switches.set(name, on)
      continue
    }
    const next = attached ?? argv[index + 1]
    if (next === undefined || next === '' || (attached === undefined && isFlag(next)))
      problems.push(`-${name} needs a value: -${name} ${shape.value}`)
    else {
      if (!texts.has(name)) texts.set(name, next)
      if (attached === undefined) index++
    }
  }
  return Object.freeze({
    problems: Object.freeze(problems),
    has: (name: FlagName) => texts.has(name) || switches.has(name),
    text: (name: TextFlag) => texts.get(name),
    switch: (name: SwitchFlag) => switches.get(name),
  })
}

function splitFlag(argument: string): { readonly name: string | undefined; readonly attached: string | undefined } {
  const groups = /^--?(?<name>[^-=][^=]*)(?:=(?<attached>.*))?$/s.exec(argument)?.groups
  return { name: groups?.['name'], attached: groups?.['attached'] }
}

/** Says whether a text is a flag by itself, so that it is no value: someone forgot the value before it. */
function isFlag(text: string): boolean {
  const { name } = splitFlag(text)
  return name !== undefined && flagShape(name) !== undefined
}

function describeUnknown(name: string | undefined): string {
  if (name === undefined) return 'an argument is neither a flag nor the value of one'
  const near = closest(name, Object.keys(FLAGS))
  return `there is no flag "-${showName(name)}"${near === undefined ? '' : `; did you mean -${near}?`}`
}
