import { readFile } from 'node:fs/promises'
import { type SecureContext, createSecureContext } from 'node:tls'
import { PtError } from '../core/errors.ts'
import type { Clock, Dialer } from '../core/platform.ts'
import type { Site, UpgradeHandlers, Web, WebHandler, WebHost, WebSettings } from '../core/web.ts'
import { openDirectorySite } from './site-directory.ts'
import { answerStatus, withoutThrows } from './site-response.ts'
import { openUpstreamSite } from './site-upstream.ts'
import { NodeWebServer } from './web-server.ts'

/** Bytes of a certificate chain or key. */
const MAX_PEM_LENGTH = 1_048_576

/** Makes web servers of node:http and node:tls. Upstreams are dialled by `dialer`; limits are kept in the time of `clock`. */
export function createNodeWeb(world: { readonly dialer: Dialer; readonly clock: Clock }): Web {
  return Object.freeze({
    open: async ({ site, tls }: WebSettings): Promise<WebHost> => {
      const handler = withoutThrows(await openSite(site, world))
      const secureContext = tls && (await readContext(tls))
      const { clock } = world
      return Object.freeze({
        serve: (upgrades: UpgradeHandlers) => new NodeWebServer({ secureContext, onRequest: handler, upgrades, clock }),
      })
    },
  })
}

async function openSite(site: Site, world: { readonly dialer: Dialer; readonly clock: Clock }): Promise<WebHandler> {
  if ('handler' in site) return site.handler
  if ('status' in site) return (_request, response) => answerStatus(response, site.status)
  if ('upstream' in site) return openUpstreamSite(site.upstream, world)
  return openDirectorySite(site.directory)
}

async function readContext({ cert, key }: { readonly cert: string; readonly key: string }): Promise<SecureContext> {
  try {
    return createSecureContext({ cert: await readPem(cert), key: await readPem(key) })
  } catch (cause) {
    throw new PtError('PT_WEB_UNUSABLE', 'The certificate and key of TLS cannot be read or do not match', { cause })
  }
}

async function readPem(source: string): Promise<string> {
  if (source.includes('-----BEGIN ')) return source
  const content = await readFile(source)
  if (content.length > MAX_PEM_LENGTH) throw new RangeError('a file of PEM is longer than 1 MiB')
  return content.toString('latin1')
}
