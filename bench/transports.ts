import { CA_CERTIFICATE, LEAF_CERTIFICATE, LEAF_KEY } from '../test/support/certificate-chain.ts'

/** A transport as the benches run it. `server` and `client` are options by wire name; what the listener's clientArguments add goes to the client, too. */
export interface BenchedTransport {
  readonly name: string
  /** Where the built package offers it under its name. */
  readonly module: string
  readonly server: Readonly<Record<string, string>>
  readonly client: Readonly<Record<string, string>>
}

export const OBFS4: BenchedTransport = { name: 'obfs4', module: 'pluggable-transports/obfs4', server: {}, client: {} }

/** Its set-ups are by UniformDH: connections that end at once are given no ticket. */
const SCRAMBLESUIT: BenchedTransport = {
  name: 'scramblesuit',
  module: 'pluggable-transports/scramblesuit',
  server: {},
  client: {},
}

/** Of the methods the one whose cipher other programs are fast at, too. */
const SECRET = { method: 'aes-256-gcm', password: 'bench' } as const

export const SHADOWSOCKS: BenchedTransport = {
  name: 'shadowsocks',
  module: 'pluggable-transports/shadowsocks',
  server: SECRET,
  client: {},
}

/** Behind another web server, as most are, whose own cost is not in the figures. */
const WEBTUNNEL_HTTP: BenchedTransport = {
  name: 'webtunnel (http)',
  module: 'pluggable-transports/webtunnel',
  server: { url: 'http://bridge.example/secret' },
  client: { dial: 'destination' },
}

/** Alone, with TLS of its own. */
const WEBTUNNEL_HTTPS: BenchedTransport = {
  name: 'webtunnel (https)',
  module: 'pluggable-transports/webtunnel',
  server: { url: 'https://bridge.example/secret', 'tls-cert': LEAF_CERTIFICATE + CA_CERTIFICATE, 'tls-key': LEAF_KEY },
  client: { dial: 'destination', ca: CA_CERTIFICATE },
}

/** Every transport that is measured beside obfs4, the first. */
export const TRANSPORTS: readonly BenchedTransport[] = [
  OBFS4,
  SCRAMBLESUIT,
  SHADOWSOCKS,
  WEBTUNNEL_HTTP,
  WEBTUNNEL_HTTPS,
]
