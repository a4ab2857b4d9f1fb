import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { hasCommand } from './commands.ts'

const MODULES = 'gitlab.torproject.org/tpo/anti-censorship/pluggable-transports'
const INSTALL_LIMIT_MS = 120_000
/** Outside of the checkout, and kept from run to run. */
const CACHE = join(tmpdir(), 'pluggable-transports-go')

/** The reference implementation's programs, and lyrebird. */
export type ReferenceName = 'webtunnel-client' | 'webtunnel-server' | 'lyrebird'

const SOURCES: Readonly<Record<ReferenceName, readonly [path: string, built: string]>> = {
  'webtunnel-client': [`${MODULES}/webtunnel/main/client`, 'client'],
  'webtunnel-server': [`${MODULES}/webtunnel/main/server`, 'server'],
  lyrebird: [`${MODULES}/lyrebird/cmd/lyrebird`, 'lyrebird'],
}

/** Where a program is, or why it is not there. */
export type Found = { readonly path: string } | { readonly missing: string }

/** Finds a program in WEBTUNNEL_PEERS or on the path, or installs it where a Go tool chain and the module proxy are there. */
export function findReference(name: ReferenceName): Found {
  const directories = [process.env['WEBTUNNEL_PEERS'] ?? '', ...(process.env['PATH'] ?? '').split(delimiter)]
  const known = directories
    .filter(Boolean)
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path))
  if (known !== undefined) return { path: known }
  if (!hasCommand('go')) return { missing: `${name} is not installed, and there is no Go tool chain to install it` }
  const [source, built] = SOURCES[name]
  const bin = join(CACHE, name)
  const environment = { ...process.env, GOPATH: CACHE, GOCACHE: join(CACHE, 'build'), GOBIN: bin, GOFLAGS: '-mod=mod' }
  if (existsSync(join(bin, built))) return { path: join(bin, built) }
  const { status, stderr } = spawnSync('go', ['install', `${source}@latest`], {
    env: { ...environment, GOTOOLCHAIN: 'local' },
    timeout: INSTALL_LIMIT_MS,
    encoding: 'utf8',
  })
  if (status === 0) return { path: join(bin, built) }
  return { missing: `${name} cannot be installed by go install: ${(stderr ?? '').trim().split('\n').at(-1) ?? ''}` }
}

/** Whether to skip, and why: for node:test's `skip`. */
export function skipWithout(found: Found): string | false {
  return 'missing' in found && found.missing
}

/** The path of a program that is there. */
export function pathOf(found: Found): string {
  if ('missing' in found) throw new Error(found.missing)
  return found.path
}
