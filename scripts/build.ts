import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { buildKernels } from './build-kernel.ts'
import { root } from './paths.ts'

buildKernels()
// The executable is compiled against the library's declarations, so it comes second.
process.exitCode = compile('tsconfig.build.json', 'dist') || compile('cli/tsconfig.json', 'cli/dist')

function compile(project: string, output: string): number {
  rmSync(join(root, output), { recursive: true, force: true })
  const { status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project], {
    cwd: root,
    stdio: 'inherit',
  })
  return status ?? 1
}
