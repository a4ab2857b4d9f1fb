import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const root = new URL('../../../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')

/** The rows of every table of the page: limit, value, constant, file. */
const rows = read('docs/limits.md')
  .split('\n')
  .filter((line) => line.startsWith('|') && !line.startsWith('| ---') && !line.startsWith('| limit'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

/** What a constant is in its file: as it is exported, or by evaluating the arithmetic that stands there. */
async function valueOf(constant: string, file: string): Promise<unknown> {
  const [name, member] = constant.split('.') as [string, string | undefined]
  const module = (await import(new URL(file, root).href)) as Readonly<Record<string, unknown>>
  if (name in module) {
    const exported = module[name]
    return member === undefined ? exported : (exported as Readonly<Record<string, unknown>>)[member]
  }
  const text = new RegExp(`^const ${name} = ([\\d_ *-]+)$`, 'm').exec(read(file))?.[1]
  assert.ok(text, `${file} has no ${name} of plain arithmetic`)
  return evaluate(text)
}

/** Evaluates numbers joined by `*`, `**` and `-`. */
function evaluate(text: string): number {
  const product = (part: string): number =>
    part
      .replaceAll('_', '')
      .split(/(?<!\*)\*(?!\*)/)
      .map((factor) =>
        factor
          .split('**')
          .map(Number)
          .reduceRight((exponent, base) => base ** exponent),
      )
      .reduce((left, right) => left * right)
  return text
    .split('-')
    .map(product)
    .reduce((left, right) => left - right)
}

for (const [limit, value, constant, file] of rows as [string, string, string, string][]) {
  test(`docs/limits.md has the figure of ${constant.replaceAll('`', '')}`, async () => {
    assert.match(value, /^[\d,]+( (ms|s|bytes|characters))?$/, limit)
    assert.equal(Number(value.replaceAll(/[^\d]/g, '')), await valueOf(constant.replaceAll('`', ''), file))
  })
}

test('docs/limits.md has every default limit', async () => {
  const { DEFAULT_LIMITS } = await import('../../../src/core/limits.ts')
  const named = new Set(rows.map(([, , constant]) => constant))
  const { DEFAULT_PACKET_LIMITS } = await import('../../../src/core/packet-settings.ts')
  for (const name of Object.keys(DEFAULT_LIMITS)) assert.ok(named.has(`\`DEFAULT_LIMITS.${name}\``), name)
  for (const name of Object.keys(DEFAULT_PACKET_LIMITS)) assert.ok(named.has(`\`DEFAULT_PACKET_LIMITS.${name}\``), name)
})
