import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative } from 'node:path'
import { root } from './paths.ts'

// Node 20's --test knows no globs, and a directory without matches passes: list the files here, and fail on none.
const suites = process.argv.slice(2)
const directories = suites.length > 0 ? suites : ['unit', 'conformance', 'fuzz', 'interop', 'e2e']
const files = directories.flatMap((directory) => testFiles(join(root, 'test', directory)))
if (files.length === 0) {
  console.error(`no test files in ${directories.join(', ')}`)
  process.exit(1)
}
const child = spawn(
  process.execPath,
  [
    '--import',
    'tsx',
    '--test',
    `--test-concurrency=${availableParallelism()}`,
    '--test-reporter=spec',
    ...files.map((file) => relative(root, file)),
  ],
  { cwd: root, stdio: 'inherit' },
)
child.on('exit', (code) => {
  process.exitCode = code ?? 1
})

function testFiles(path: string): string[] {
  if (path.endsWith('.ts')) return [path]
  return readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .sort()
    .map((name) => join(path, name))
}
