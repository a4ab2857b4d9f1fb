/** Zero-width characters, joiners, variation selectors, bidi controls, soft hyphens: invisible to who pastes, and nothing of a bridge line. */
const INVISIBLE = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/gu
const QUOTE_MARKS = '“”„‟‘’‚‛«»‹›'
/** What mail programs put before the lines of a message that is answered. */
const MAIL_QUOTES = /^[>\s]+/gmu
/** What stands before an item of a list; no bridge line begins so. */
const LIST_MARK = /^(?:[-*+\u2022\u2023\u25aa\u25cf\u25e6\u00b7]|\d{1,3}[.)]) /u
/** The argument of obfs4 with a break beside its signs: nothing else in a bridge line can be taken for it. */
const BROKEN_IAT_MODE = / iat ?- ?mode ?= ?(?=[0-2](?![\w=]))/gu
const DASHES = /[\u2010-\u2015\u2212]/gu
const FULL_WIDTH = /[\uff01-\uff5e]/gu
const FULL_WIDTH_OFFSET = 0xff01 - 0x21

/** Typographic quotes around a word or the value in it; none can be part of one. */
const OUTER_QUOTE_MARKS = new RegExp(
  `^[${QUOTE_MARKS}]+|(?<==)[${QUOTE_MARKS}]+|[${QUOTE_MARKS}]{1,2}(?=[.,;]{0,3}$)`,
  'gu',
)

/**
 * Splits a pasted bridge line into its words, undoing what mail programs, chats and word processors do to text.
 * Line breaks count as spaces, but for those within `iat-mode=0`.
 */
export function splitPastedLine(text: string): string[] {
  const visible = text
    .replaceAll(INVISIBLE, '')
    .replaceAll('\u0085', '\n')
    .replaceAll(DASHES, '-')
    .replaceAll(FULL_WIDTH, (character) => String.fromCharCode(character.charCodeAt(0) - FULL_WIDTH_OFFSET))
    .replaceAll(MAIL_QUOTES, '')
    .replaceAll(/\s+/gu, ' ')
    .trim()
    .replace(LIST_MARK, '')
  const words = unquote(visible)
    .replaceAll(BROKEN_IAT_MODE, ' iat-mode=')
    .split(' ')
    .map((word) => word.replaceAll(OUTER_QUOTE_MARKS, ''))
    .filter((word) => word !== '')
  const last = words.pop()
  return last === undefined ? [] : [...words, trimPunctuation(last)]
}

/** Takes off quotes or back-ticks of ASCII that stand around the whole. */
function unquote(text: string): string {
  const quoted = /^(?<quote>["'`]{1,3})(?<inner>.*)\k<quote>(?<after>[.,;]{0,3})$/u.exec(text)?.groups
  return quoted === undefined ? text : `${quoted['inner']!.trim()}${quoted['after']!}`
}

/** Arguments whose values never end in punctuation, so that it can be taken for the sentence's. */
const PLAIN_ARGUMENT = /^(?:cert|iat-mode)=/

/** Says whether punctuation at the end of a word would be taken off, were the word the last one. */
export function losesPunctuation(word: string): boolean {
  return /[.,;]$/.test(word) && (PLAIN_ARGUMENT.test(word) || !word.includes('='))
}

function trimPunctuation(word: string): string {
  return losesPunctuation(word) ? word.replace(/[.,;]{1,3}$/, '') : word
}
