import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './paths.ts'

interface Report {
  readonly summary: {
    readonly totalCruised: number
    readonly violations: readonly {
      readonly from: string
      readonly to: string
      readonly rule: { readonly name: string }
    }[]
  }
  readonly modules: readonly { readonly source: string }[]
}

// A cruise that finds no files finds no violations either.
const FEWEST_MODULES = 30

const cruiser = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs')
const result = spawnSync(
  process.execPath,
  [cruiser, '--config', '.dependency-cruiser.json', '--output-type', 'json', 'src'],
  { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 },
)
if (result.stdout === '') throw new Error(`dependency-cruiser printed nothing: ${result.stderr}`)
const report = JSON.parse(result.stdout) as Report
const own = report.modules.filter(({ source }) => source.startsWith('src/'))
for (const { from, to, rule } of report.summary.violations) console.log(`${rule.name}: ${from} -> ${to}`)
console.log(`layers: ${own.length} modules, ${report.summary.violations.length} violations`)
if (own.length < FEWEST_MODULES) console.log(`layers: at least ${FEWEST_MODULES} modules were expected`)
process.exitCode = report.summary.violations.length > 0 || own.length < FEWEST_MODULES ? 1 : 0
