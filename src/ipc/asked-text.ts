import { parseFlags } from './flags.ts'

/** Says which text the command line asks for instead of a run, by -version or -help in any form that a switch has. */
export function readAskedText(argv: readonly string[]): 'version' | 'help' | undefined {
  const flags = parseFlags(argv)
  return (['version', 'help'] as const).find((name) => flags.switch(name) === true)
}
