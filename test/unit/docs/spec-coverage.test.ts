import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const root = new URL('../../../', import.meta.url)
const text = readFileSync(new URL('docs/spec-coverage.md', root), 'utf8')

interface Row {
  readonly document: string
  /** Its number, and the number with what follows it. */
  readonly section: string
  readonly label: string
  readonly requirement: string
  readonly source: string
  readonly testFile: string
  readonly title: string
}

/** Requirements in each section that binds a provider, or a parent: a row that goes must go here too, with its reason. */
const REQUIREMENTS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'PT 1.0': {
    '2': 3,
    '3': 1,
    '3.1': 2,
    '3.2.1': 12,
    '3.2.2': 2,
    '3.2.3': 7,
    '3.3': 2,
    '3.3.1': 6,
    '3.3.2': 6,
    '3.3.3': 3,
    '3.3.4': 1,
    '3.3.5': 2,
    '3.4': 3,
    '3.5': 3,
    '4': 2,
  },
  'PT 3.0': {
    '1.1.1': 14,
    '1.1.2': 6,
    '1.1.3': 19,
    '1.2': 2,
    '1.2.1': 11,
    '1.2.2': 5,
    '1.2.2.1': 1,
    '1.2.3': 5,
    '1.3': 5,
    '1.4': 5,
    '1.5.1': 1,
    '1.5.3': 1,
    '1.5.4': 12,
    '1.5.5': 7,
    '1.5.6': 1,
  },
  'PT 1.0 of parents': {
    '2': 2,
    '3': 3,
    '3.1': 1,
    '3.2.1': 4,
    '3.2.2': 2,
    '3.2.3': 6,
    '3.3': 1,
    '3.3.1': 3,
    '3.3.2': 5,
    '3.3.3': 2,
    '3.3.4': 1,
    '3.3.5': 1,
    '3.4': 3,
    '3.5': 5,
    '4': 1,
  },
  'PT 3.0 of parents': {
    '1.1': 1,
    '1.1.1': 4,
    '1.1.2': 1,
    '1.1.3': 3,
    '1.2': 2,
    '1.2.1': 1,
    '1.2.2': 3,
    '1.2.3': 1,
    '1.3': 1,
    '1.4': 2,
    '1.5.4': 1,
  },
  'Extended ORPort of parents': {
    '2': 1,
    '2.1.2': 1,
    '2.1': 1,
    '2.1.3': 1,
    '3.1': 3,
    '3.2.1': 1,
    '3.2.2': 1,
  },
}

const rows = readRows()

/** Reads the tables; a row that has not its five cells, each filled, throws. */
function readRows(): readonly Row[] {
  const found: Row[] = []
  let document = ''
  for (const line of text.split('\n')) {
    document = /^## (?<document>.+?)(?: \(.*\))?$/.exec(line)?.groups?.['document'] ?? document
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
    found.push({ document, section: number, label: section!, requirement, source: file, testFile, title })
  }
  return found
}

const pathOf = (file: string): string => fileURLToPath(new URL(file, root))

test('has a row for every requirement of every section that binds a provider or a parent', () => {
  const counts: Record<string, Record<string, number>> = {}
  for (const { document, section } of rows) {
    const sections = (counts[document] ??= {})
    sections[section] = (sections[section] ?? 0) + 1
  }
  assert.deepEqual(counts, REQUIREMENTS)
})

test('says each requirement once', () => {
  const requirements = rows.map(({ document, label, requirement }) => `${document} ${label} ${requirement}`)
  assert.deepEqual(requirements, [...new Set(requirements)])
})

/** Says whether a file has a test of this whole title, or a table with this whole text that makes titles. */
function hasTitle(file: string, title: string): boolean {
  const lines = readFileSync(pathOf(file), 'utf8').split('\n')
  const code = lines.filter((line) => !/^\s*(?:\/\/|\/?\*)/.test(line)).join('\n')
  const quoted = ["'", '"', '`'].map((quote) => `${quote}${title}${quote}`)
  const isTest = (text: string): boolean =>
    code
      .split(text)
      .slice(0, -1)
      .some((before) => /(?:^|\n)\s*test\(\s*$/.test(before))
  const isInTable = (text: string): boolean =>
    code
      .split(text)
      .slice(0, -1)
      .some((before) => /[[,]\s*(?:String\.raw)?$/.test(before))
  const makesTitles = /\n\s*test\(\s*`[^`]*\$\{/.test(code)
  return quoted.some((text) => isTest(text) || (makesTitles && isInTable(text)))
}

for (const { document, label, requirement, source, testFile, title } of rows)
  test(`${document} §${label}: "${requirement}" is done in ${source} and shown by "${title}"`, () => {
    assert.ok(existsSync(pathOf(source)), source)
    assert.match(testFile, /^test\/.+\.test\.ts$/)
    assert.ok(hasTitle(testFile, title), `no test "${title}" in ${testFile}`)
  })

test('takes no part of a title for a title', () => {
  const file = 'test/unit/ipc/read-config.test.ts'
  assert.ok(hasTitle(file, 'counts an empty variable as absent'))
  assert.ok(hasTitle(file, 'a host name to bind'))
  for (const title of ['counts an empty variable', 'host name to bind', 'naming the culprits'])
    assert.ok(!hasTitle(file, title))
})
