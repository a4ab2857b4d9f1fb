import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.ts'

// `prepare` builds on `npm ci`; with ignore-scripts set, nothing did.
if (!['dist/index.js', 'cli/dist/main.js'].every((file) => existsSync(join(root, file)))) {
  console.log('dist/ is missing: building')
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  process.exitCode = status ?? 1
}
