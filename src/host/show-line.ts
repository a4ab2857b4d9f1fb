/** Characters of a child's line that are kept for people. */
export const MAX_SHOWN_LENGTH = 1_000

/** Makes a child's line fit for a message: control characters become spaces, and what is too long is cut. Nothing else is scrubbed. */
export function showLine(line: string): string {
  return line
    .slice(0, MAX_SHOWN_LENGTH)
    .replaceAll(/\p{Cc}+/gu, ' ')
    .trim()
}
