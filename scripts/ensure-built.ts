import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.ts'

// `prepare` builds on `npm ci`; with ignore-scripts set nothing did, and after a change it is old.
// The build's own.
const GENERATED = join('src', 'crypto', 'wasm')
const built = Math.min(changedAt('dist/index.js'), changedAt('cli/dist/main.js'))
const sources = Math.max(newestIn('src'), newestIn('kernel'), newestIn('cli/src'), changedAt('tsconfig.build.json'))
if (built < sources) {
  console.log(built === 0 ? 'dist/ is missing: building' : 'dist/ is older than the sources: building')
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  process.exitCode = status ?? 1
}

/** When a file was changed, in ms since 1970; 0 where there is none. */
function changedAt(path: string): number {
  return statSync(join(root, path), { throwIfNoEntry: false })?.mtimeMs ?? 0
}

function newestIn(directory: string): number {
  const sources = readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' })
  const own = sources.filter((name) => name.endsWith('.ts') && !join(directory, name).startsWith(GENERATED))
  return Math.max(...own.map((name) => changedAt(join(directory, name))))
}
