import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { posix } from 'node:path'
import { test } from 'node:test'

const root = new URL('../../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')

const { files } = JSON.parse(read('package.json')) as { readonly files: readonly string[] }

/** npm packs these in any case; a name in `files` may be a directory. */
const isPublished = (path: string): boolean =>
  ['README.md', 'LICENSE', 'package.json'].includes(path) ||
  files.some((name) => path === name || path.startsWith(`${name}/`))

const pages = ['.', 'docs', 'src/transports', 'examples']
  .flatMap((directory) =>
    readdirSync(new URL(directory, root), { recursive: directory !== '.', encoding: 'utf8' }).map((name) =>
      posix.join(directory, name),
    ),
  )
  .filter((path) => path.endsWith('.md') && isPublished(path))

/** The targets of a page's links that are files, from the root. */
function linksOf(page: string): string[] {
  const targets = [...read(page).matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)].map(([, target]) => target!)
  return targets.map((target) => posix.join(posix.dirname(page), target))
}

test('the pages that are published link to each other', () => {
  assert.ok(pages.includes('README.md') && pages.includes('docs/api.md'))
  assert.ok(pages.flatMap(linksOf).length > 10)
})

for (const page of pages)
  test(`every link of ${page} leads to a file that is published with it`, () => {
    for (const link of linksOf(page)) {
      assert.ok(existsSync(new URL(link, root)), `${link} is not there`)
      assert.ok(isPublished(link), `${link} is not in the package`)
    }
  })
