/** Splits at every separator that no backslash stands before; escapes stay. */
export function splitUnescaped(text: string, separator: string): string[] {
  const parts: string[] = []
  let rest: string | undefined = text
  while (rest !== undefined) {
    const [part, after]: readonly [string, string | undefined] = splitOnce(rest, separator)
    parts.push(part)
    rest = after
  }
  return parts
}

/** Splits at the first separator that no backslash stands before; the rest is undefined when there is none. */
export function splitOnce(text: string, separator: string): readonly [string, string | undefined] {
  for (let index = 0; index < text.length; index++) {
    if (text[index] === '\\') index++
    else if (text[index] === separator) return [text.slice(0, index), text.slice(index + 1)]
  }
  return [text, undefined]
}

/** Takes escapes away; undefined for a backslash with nothing after it. */
export function unescape(text: string): string | undefined {
  if (text.replaceAll(/\\./gsu, '').includes('\\')) return undefined
  return text.replaceAll(/\\(?<escaped>.)/gsu, '$<escaped>')
}
