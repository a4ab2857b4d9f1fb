import { readFileSync } from 'node:fs'
import process from 'node:process'
import {
  FAILURE_EXIT_CODES,
  IpcFailure,
  chooseInterface,
  formatUsage,
  readAskedText,
  writeFailure,
} from 'pluggable-transports/dispatcher'
import { optimizeEarly } from './early-optimization.ts'
import { exitWhenWritten } from './exit.ts'
import { letHeapGrow } from './heap-growth.ts'
import { type Program, runIpc } from './run-ipc.ts'
import { runAsPlugin } from './run-plugin.ts'

const NAME = 'ptkit'

/** Runs what the command line asks for. `parentId` is the process that started this one. */
export function main(parentId: number): void {
  // A parent that ends closes our pipes before it signals us: a line that nobody reads is no reason to die.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  // Whatever is made here may hold a key: state, logs.
  process.umask(0o077)
  optimizeEarly()
  letHeapGrow()

  const argv = process.argv.slice(2)
  const asked = readAskedText(argv)
  if (asked === 'version') process.stdout.write(`${NAME} ${readVersion()}\n`)
  else if (asked === 'help' || argv.includes('-h')) process.stdout.write(formatUsage(NAME))
  else run(argv, { name: NAME, version: readVersion(), parentId })
}

function run(argv: readonly string[], program: Program): void {
  const chosen = chooseInterface(argv, process.env)
  if (chosen === 'dispatcher') void runIpc(argv, program)
  else if (chosen === 'plugin') void runAsPlugin(program)
  else {
    if (chosen instanceof IpcFailure) writeFailure(chosen, { out: process.stdout, err: process.stderr })
    else process.stderr.write(`${NAME}: ${chosen.problem}\n`)
    exitWhenWritten(FAILURE_EXIT_CODES.env)
  }
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
