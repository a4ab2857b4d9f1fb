const SHOWN_NAME = /^[\w.-]{1,40}$/
const MAX_EDITS = 2

/** Formats a name that somebody else chose so that it can stand in a message: a value pasted in its place is not shown. */
export function showName(name: string | symbol): string {
  return typeof name === 'string' && SHOWN_NAME.test(name) ? name : '(not a name)'
}

/** Finds the known name that a mistyped one is nearest to, if it is at most two edits away. */
export function closest(name: string, known: readonly string[]): string | undefined {
  if (!SHOWN_NAME.test(name)) return undefined
  const typed = squeeze(name)
  let best: { readonly name: string; readonly edits: number } | undefined
  for (const candidate of known) {
    const target = squeeze(candidate)
    const edits = countEdits(typed, target)
    if (edits <= MAX_EDITS && edits < target.length / 2 && edits < (best?.edits ?? Infinity))
      best = { name: candidate, edits }
  }
  return best?.name
}

const squeeze = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')

/** Counts insertions, deletions and replacements from one text to the other (Levenshtein). */
function countEdits(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1))
    }
    row = next
  }
  return row[to.length]!
}
