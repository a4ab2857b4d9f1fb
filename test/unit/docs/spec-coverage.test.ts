import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const root = new URL('../../../', import.meta.url)
const text = readFileSync(new URL('docs/spec-coverage.md', root), 'utf8')

interface Row {
  readonly document: string
  readonly section: string
  readonly source: string
  readonly testFile: string
  readonly title: string
}

/** Sections of each document that bind a provider. */
const SECTIONS = {
  'PT 1.0': [
    '2',
    '3',
    '3.1',
    '3.2.1',
    '3.2.2',
    '3.2.3',
    '3.3',
    '3.3.1',
    '3.3.2',
    '3.3.3',
    '3.3.4',
    '3.3.5',
    '3.4',
    '3.5',
    '4',
  ],
  'PT 3.0': ['1.1.1', '1.1.2', '1.1.3', '1.2.1', '1.2.2', '1.2.2.1', '1.2.3', '1.3', '1.4'],
} as const

const rows = readRows()

/** Reads the tables; a row that has not its five cells, each filled, throws. */
function readRows(): readonly Row[] {
  const found: Row[] = []
  let document = ''
  for (const line of text.split('\n')) {
    document = /^## (?<document>PT [\d.]+)/.exec(line)?.groups?.['document'] ?? document
    if (!line.startsWith('|') || /^\| (?:Section|-)/.test(line)) continue
    const [section, level, requirement, source, shown] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    const { testFile, title } = /^`(?<testFile>[^`]+)`: `(?<title>[^`]+)`$/.exec(shown ?? '')?.groups ?? {}
    const file = /^`(?<file>[^`]+)`$/.exec(source ?? '')?.groups?.['file']
    const number = /^[\d.]+/.exec(section ?? '')?.[0]
    const complete = number && level && requirement && file && testFile && title
    assert.ok(complete, `a row without a source or a test: ${line}`)
    found.push({ document, section: number, source: file, testFile, title })
  }
  return found
}

const pathOf = (file: string): string => fileURLToPath(new URL(file, root))

test('has rows for every section that binds a provider', () => {
  for (const [document, sections] of Object.entries(SECTIONS)) {
    const covered = new Set(rows.filter((row) => row.document === document).map(({ section }) => section))
    assert.deepEqual([...covered].sort(), [...sections].sort(), document)
  }
})

for (const { document, section, source, testFile, title } of rows)
  test(`${document} §${section} is done in ${source} and shown by "${title}"`, () => {
    assert.ok(existsSync(pathOf(source)), source)
    assert.match(testFile, /^test\/.+\.test\.ts$/)
    assert.ok(readFileSync(pathOf(testFile), 'utf8').includes(title), `no "${title}" in ${testFile}`)
  })
