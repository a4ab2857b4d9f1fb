import { z } from 'zod'
import { type OptionsInput, defineOptions, invalidOption, missingOption } from '../../core/options.ts'
import type { TcpAddress } from '../../core/platform.ts'
import type { WebHandler } from '../../core/web.ts'
import { MAX_LIST_COUNT } from './constants.ts'
import { type TunnelUrl, parseTunnelUrl } from './tunnel-url.ts'

/** Length of a pin in bytes: one SHA-256. */
const PIN_LENGTH = 32

/** What a client works with. */
export interface WebtunnelClientOptions {
  readonly url: TunnelUrl
  /** What is dialled, in this order until one is there; empty where it is what connect() is given. */
  readonly addresses: readonly TcpAddress[]
  /** Of which each connection takes one, for TLS and the Host field; never empty. */
  readonly servernames: readonly string[]
  readonly pin?: Uint8Array
  readonly ca?: string
  /** Wire names of options that were given and have no effect. */
  readonly ignored: readonly string[]
}

/** Of whom a server believes what it tells of clients: of nobody, of peers on this machine, of everybody. */
export type Trust = 'never' | 'loopback' | 'always'

/** What a server works with. */
export interface WebtunnelServerOptions {
  readonly url: TunnelUrl
  readonly tls?: { readonly cert: string; readonly key: string }
  readonly site?: string | WebHandler
  readonly trustForwardedFor: Trust
  readonly proxyProtocol: Trust
}

/** Makes a schema of a text from its parser. */
function text<Value>(parse: (text: string) => Value | undefined) {
  return z.string().transform((given, context) => {
    const parsed = parse(given)
    if (parsed !== undefined) return parsed
    context.addIssue({ code: 'custom' })
    return z.NEVER
  })
}

function listOf<Value>(parse: (item: string) => Value | undefined): (list: string) => readonly Value[] | undefined {
  return (list) => {
    const items = list.split(',').map(parse)
    if (items.length > MAX_LIST_COUNT) return undefined
    return items.every((item) => item !== undefined) ? items : undefined
  }
}

/** A name or an IP address; what it may hold goes into a header and a certificate's check. */
const HOST = /^(?:\[(?<ipv6>[\da-fA-F:.]{2,45})\]|(?<host>[\w.-]{1,253}))$/

function parseServername(name: string): string | undefined {
  const { ipv6, host } = HOST.exec(name)?.groups ?? {}
  return ipv6 ?? host
}

function parseEndpoint(endpoint: string): TcpAddress | undefined {
  const { name, port } = /^(?<name>.+):(?<port>[1-9]\d{0,4})$/.exec(endpoint)?.groups ?? {}
  const host = name === undefined ? undefined : parseServername(name)
  return host === undefined || Number(port) > 65_535 ? undefined : { host, port: Number(port) }
}

function parsePin(base64: string): Buffer | undefined {
  const pin = Buffer.from(base64, 'base64')
  return pin.length === PIN_LENGTH && pin.toString('base64').replace(/=$/, '') === base64.replace(/=$/, '')
    ? pin
    : undefined
}

const CLIENT_SOURCES = ['api', 'connection', 'bridge-line'] as const
const SERVER_SOURCES = ['api', 'server'] as const

const url = {
  wireName: 'url',
  secret: true,
  schema: text(parseTunnelUrl).optional(),
  expects: 'an http:// or https:// URL without a user',
} as const

const ignoredText = z.string().max(1_024).optional()

/** The options of a client. Where it connects to is in `url`, or in `addr`: the address of connect() is not used, as with other programs. */
export const clientOptions = defineOptions(
  'webtunnel',
  {
    url: { ...url, from: CLIENT_SOURCES, description: 'The URL of the tunnel; its path is the secret' },
    addr: {
      wireName: 'addr',
      secret: false,
      from: CLIENT_SOURCES,
      schema: text(listOf(parseEndpoint)).optional(),
      expects: `host:port, or up to ${MAX_LIST_COUNT} of them with commas`,
      description: 'What is dialled in place of the host of the url; the first that is there',
    },
    servername: {
      wireName: 'servername',
      secret: false,
      from: CLIENT_SOURCES,
      schema: text(listOf(parseServername)).optional(),
      expects: `a host name, or up to ${MAX_LIST_COUNT} of them with commas`,
      description: 'The name for TLS and for the Host field in place of the host of the url; of several, one at random',
    },
    ver: {
      wireName: 'ver',
      secret: false,
      from: CLIENT_SOURCES,
      schema: ignoredText,
      expects: 'a text',
      description: "The server's version; it changes nothing",
    },
    cert: {
      wireName: 'cert',
      secret: false,
      from: CLIENT_SOURCES,
      schema: text(parsePin).optional(),
      expects: 'a SHA-256 hash in Base64',
      description: 'The hash of the certificate chain; with it neither issuer nor name nor dates are checked',
    },
    utls: {
      wireName: 'utls',
      secret: false,
      from: CLIENT_SOURCES,
      schema: ignoredText,
      expects: 'a text',
      description: "The ClientHello to imitate: not done, the ClientHello is Node's",
    },
    sniImitation: {
      wireName: 'sni-imitation',
      secret: false,
      from: CLIENT_SOURCES,
      schema: ignoredText,
      expects: 'a text',
      description: 'What the server name is to imitate: not done',
    },
    dial: {
      wireName: 'dial',
      secret: false,
      from: ['api'],
      schema: z.enum(['url', 'destination']).default('url'),
      expects: '"url" or "destination"',
      description:
        'Whether the host of the url is dialled, or what connect() is given, for programs that look names up themselves',
    },
    ca: {
      wireName: 'ca',
      secret: false,
      from: ['api'],
      schema: z.string().includes('-----BEGIN CERTIFICATE-----').optional(),
      expects: 'certificates in PEM',
      description: "The certificates that chains must end in, in place of the system's",
    },
  },
  {
    together: ['url', 'addr', 'servername', 'cert'],
    resolve: ({ url, addr, servername, cert, utls, sniImitation, dial, ca }): WebtunnelClientOptions => {
      if (url === undefined) throw missingOption('url')
      if (cert !== undefined && !url.isTls) throw invalidOption('cert', 'left out with a url that has no TLS')
      const given = { utls: utls === 'none' ? undefined : utls, 'sni-imitation': sniImitation }
      return {
        url,
        addresses: dial === 'destination' ? [] : (addr ?? [{ host: url.host, port: url.port }]),
        servernames: servername ?? [url.host],
        ignored: Object.entries(given).flatMap(([name, value]) => (value === undefined ? [] : [name])),
        ...(cert !== undefined && { pin: cert }),
        ...(ca !== undefined && { ca }),
      }
    },
  },
)

const trust = z.enum(['never', 'loopback', 'always'])
const trustExpected = '"never", "loopback" or "always"'
const pathOrText = z
  .string()
  .min(1)
  .refine((path) => !path.includes('\0'))

/** The options of a server. */
export const serverOptions = defineOptions(
  'webtunnel',
  {
    url: {
      ...url,
      from: SERVER_SOURCES,
      description: 'The URL by which clients reach this server; its path is the secret',
    },
    tlsCert: {
      wireName: 'tls-cert',
      secret: false,
      from: SERVER_SOURCES,
      schema: pathOrText.optional(),
      expects: 'the path of a certificate chain in PEM',
      description:
        'The certificate chain, for a server that is not behind another; through the API also the text itself',
    },
    tlsKey: {
      wireName: 'tls-key',
      secret: true,
      from: SERVER_SOURCES,
      schema: pathOrText.optional(),
      expects: 'the path of a private key in PEM',
      description: 'The key of the certificate; through the API also the text itself',
    },
    site: {
      wireName: 'site',
      secret: false,
      from: SERVER_SOURCES,
      schema: z.union([pathOrText, z.custom<WebHandler>((value) => typeof value === 'function')]).optional(),
      expects: 'the path of a directory or an http:// URL',
      description:
        'What everybody else is shown: the files of a directory, another web server, or through the API a handler',
    },
    trustForwardedFor: {
      wireName: 'trust-forwarded-for',
      secret: false,
      from: SERVER_SOURCES,
      schema: trust.default('loopback'),
      expects: trustExpected,
      description: 'Of whom X-Forwarded-For is believed',
    },
    proxyProtocol: {
      wireName: 'proxy-protocol',
      secret: false,
      from: SERVER_SOURCES,
      schema: trust.default('never'),
      expects: trustExpected,
      description: 'Of whom a header of the PROXY protocol is demanded and believed',
    },
  },
  {
    resolve: ({ url, tlsCert, tlsKey, site, ...trusts }): WebtunnelServerOptions => {
      if (url === undefined) throw missingOption('url')
      if (url.path === '/') throw invalidOption('url', 'one with a path, which is the secret')
      if (tlsCert === undefined && tlsKey !== undefined) throw missingOption('tls-cert', 'when "tls-key" is given')
      if (tlsCert !== undefined && tlsKey === undefined) throw missingOption('tls-key', 'when "tls-cert" is given')
      return {
        url,
        ...trusts,
        ...(site !== undefined && { site }),
        ...(tlsCert !== undefined && tlsKey !== undefined && { tls: { cert: tlsCert, key: tlsKey } }),
      }
    },
  },
)

/** What webtunnel.client() takes. */
export type WebtunnelClientInput = OptionsInput<typeof clientOptions.definitions>

/** What webtunnel.server() takes. */
export type WebtunnelServerInput = OptionsInput<typeof serverOptions.definitions>
