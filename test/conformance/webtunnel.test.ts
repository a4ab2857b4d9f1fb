import { describe, it } from 'node:test'
import { type Runner, runConformance } from '../../src/testing/index.ts'
import { webtunnel } from '../../src/transports/webtunnel/index.ts'
import { CA_CERTIFICATE, LEAF_CERTIFICATE, LEAF_KEY } from '../support/certificate-chain.ts'

/** What webtunnel promises: TLS alone protects bytes, a web site answers strangers, and web servers between end both directions at once. */
const traits = { integrity: false, silent: false, halfClose: false, front: true }

// Offsets of a TLS handshake are OpenSSL's affair, and its length differs by a few bytes from run to run.
const withoutWalks: Runner = {
  describe: (title, define) => void describe(title, define),
  it: (title, test) => void (/every offset|reset cuts the handshake/.test(title) || it(title, test)),
}

describe('behind another server, without TLS', () => {
  runConformance({
    transport: webtunnel,
    client: { url: 'http://bridge.example/secret', dial: 'destination' },
    server: { url: 'http://bridge.example/secret' },
    traits,
  })
})

describe('alone, with TLS', () => {
  runConformance(
    {
      transport: webtunnel,
      client: { url: 'https://bridge.example/secret', dial: 'destination', ca: CA_CERTIFICATE },
      server: {
        url: 'https://bridge.example/secret',
        tlsCert: LEAF_CERTIFICATE + CA_CERTIFICATE,
        tlsKey: LEAF_KEY,
      },
      traits: { ...traits, integrity: true, carrier: true },
    },
    withoutWalks,
  )
})
