import { Buffer } from 'node:buffer'
import { PtError } from '../../core/errors.ts'
import { decodeUtf8 } from '../../wire/socks.ts'
import { parseHostPort } from './host-port.ts'
import { keyOf } from './keys.ts'
import { METHOD_NAMES, type MethodName, METHODS } from './methods.ts'

/** A server of shadowsocks, as an `ss://` URL names it (SIP002). */
export interface ShadowsocksUrl {
  readonly method: MethodName
  readonly password: string
  /** A name, IPv4, or IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** A SIP003 plugin and its options, as they are given to it. */
  readonly plugin?: { readonly name: string; readonly options?: string }
  /** What the server is called. */
  readonly tag?: string
}

const URL_PARTS = /^ss:\/\/(?<authority>[^/?#]*)(?<path>[^?#]*)(?:\?(?<query>[^#]*))?(?:#(?<tag>.*))?$/isu
const BASE64 = /^[A-Za-z0-9+/_-]+={0,2}$/

/**
 * Parses an `ss://` URL. The user info is Base64 or percent-encoded, the older form that is Base64 as a whole is refused; parameters other than `plugin` are ignored. Throws PT_URL_INVALID,
 * which repeats nothing of the URL.
 */
export function parseShadowsocksUrl(text: string): ShadowsocksUrl {
  const { authority, path, query, tag } = URL_PARTS.exec(text.trim())?.groups ?? {}
  if (authority === undefined) throw invalid('must begin with ss://')
  const at = authority.lastIndexOf('@')
  if (at === -1)
    throw invalid('must have its host outside of the Base64: the older form, Base64 as a whole, is not taken')
  if (path !== '' && path !== '/') throw invalid('must have no path')
  const address = parseHostPort(authority.slice(at + 1))
  if (address === undefined) throw invalid('must have a host, an IPv6 address in brackets, and a port from 1 to 65535')
  const plugin = parsePlugin(query)
  return Object.freeze({
    ...parseUserInfo(authority.slice(0, at)),
    ...address,
    ...(plugin !== undefined && { plugin }),
    ...(tag !== undefined && tag !== '' && { tag: decodePercent(tag, 'tag') }),
  })
}

/** Formats an `ss://` URL: user info in Base64 with a method of 2017, percent-encoded with one of 2022. Throws PT_URL_INVALID. */
export function formatShadowsocksUrl({ method, password, host, port, plugin, tag }: ShadowsocksUrl): string {
  checkPassword(method, password)
  if (parseHostPort({ host, port }) === undefined) throw invalid('must have a host and a port from 1 to 65535')
  const pair = `${method}:${password}`
  const isNew = METHODS[method].edition === '2022'
  const userInfo = isNew
    ? `${encodePercent(method)}:${encodePercent(password)}`
    : Buffer.from(pair).toString('base64url')
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`
  if (plugin !== undefined && (plugin.name === '' || plugin.name.includes(';')))
    throw invalid('must have a plugin whose name is not empty and has no semicolon')
  const called = plugin && [plugin.name, ...(plugin.options === undefined ? [] : [plugin.options])].join(';')
  const query = called === undefined ? '' : `/?plugin=${encodePercent(called)}`
  return `ss://${userInfo}@${place}${query}${tag === undefined ? '' : `#${encodePercent(tag)}`}`
}

function parseUserInfo(text: string): { readonly method: MethodName; readonly password: string } {
  const decoded = decodePercent(text, 'user info')
  const pair = decoded.includes(':') ? decoded : decodeBase64(decoded)
  const colon = pair.indexOf(':')
  if (colon === -1) throw invalid('must have method and password, joined by a colon')
  const method = METHOD_NAMES.find((name) => name === pair.slice(0, colon).toLowerCase())
  if (method === undefined) throw invalid(`must have a method that is one of ${METHOD_NAMES.join(', ')}`)
  const password = pair.slice(colon + 1)
  checkPassword(method, password)
  return { method, password }
}

function checkPassword(method: MethodName, password: string): void {
  if (password === '') throw invalid('must have a password')
  if (keyOf(METHODS[method], password) === undefined)
    throw invalid(`must have the Base64 of ${METHODS[method].keyLength} bytes as its password with method ${method}`)
}

function parsePlugin(query: string | undefined): ShadowsocksUrl['plugin'] {
  const parameter = query?.split('&').find((pair) => pair.startsWith('plugin='))
  if (parameter === undefined) return undefined
  const called = decodePercent(parameter.slice('plugin='.length), 'plugin')
  const semicolon = called.indexOf(';')
  const name = semicolon === -1 ? called : called.slice(0, semicolon)
  if (name === '') throw invalid('must name its plugin')
  return Object.freeze({ name, ...(semicolon !== -1 && { options: called.slice(semicolon + 1) }) })
}

function encodePercent(text: string): string {
  try {
    return encodeURIComponent(text)
  } catch {
    throw invalid('must be made of texts without lone surrogates')
  }
}

function decodePercent(text: string, what: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw invalid(`must have its ${what} percent-encoded as UTF-8`)
  }
}

/** Base64 in either alphabet, with padding or without. */
function decodeBase64(encoded: string): string {
  const decoded = BASE64.test(encoded) ? decodeUtf8(Buffer.from(encoded, 'base64')) : undefined
  if (decoded === undefined) throw invalid('must have its user info in Base64, or percent-encoded')
  return decoded
}

function invalid(what: string): PtError {
  return new PtError('PT_URL_INVALID', `The ss:// URL ${what}`)
}
