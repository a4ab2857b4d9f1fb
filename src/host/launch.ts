import { startChildProcess } from './child-process.ts'
import type { LaunchOptions } from './launch-options.ts'
import { checkCommand } from './option-checks.ts'
import { refuseUnknownOptions } from './option-names.ts'
import type { PtProcess } from './pt-process.ts'
import { supervise } from './supervisor.ts'

/**
 * Launches a PT process by a command, which is no shell's, and keeps it running. Resolves when its methods are known; rejects as supervise() does. It ends with this
 * process, however that ends, if it obeys TOR_PT_EXIT_ON_STDIN_CLOSE.
 */
export async function launch(options: LaunchOptions): Promise<PtProcess> {
  refuseUnknownOptions(options, ['command', 'args', 'env'])
  const { command: _command, args: _args, env: _env, ...rest } = options
  return await supervise(startChildProcess(checkCommand(options)), rest, rest)
}
