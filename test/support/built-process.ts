import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Runs one TypeScript module, which imports nothing relative, in a process of plain Node: no loader adds to its memory or time, and
 * `pluggable-transports` is the built package. `parameters` arrive as JSON in process.env.PARAMETERS; the two exchange messages.
 */
export function startBuiltProcess(
  module: URL,
  parameters: object,
  nodeArguments: readonly string[] = [],
): ChildProcess {
  const { outputText } = ts.transpileModule(readFileSync(module, 'utf8'), {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
  })
  return spawn(process.execPath, [...nodeArguments, '--input-type=module', '--eval', outputText], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '', PARAMETERS: JSON.stringify(parameters) },
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
}

/** Resolves with the next message; rejects when the process ends before it. */
export async function nextMessage<Message>(child: ChildProcess): Promise<Message> {
  const settled = new AbortController()
  const exited = once(child, 'exit', { signal: settled.signal }).then(([code, signal]) => {
    throw new Error(`the process ended with ${code ?? signal} before it answered`)
  })
  try {
    const [message] = (await Promise.race([once(child, 'message', { signal: settled.signal }), exited])) as [Message]
    return message
  } finally {
    settled.abort()
    exited.catch(() => {})
  }
}
