import { constants } from 'node:fs'
import { type FileHandle, open, realpath } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname, join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { PtError } from '../core/errors.ts'
import type { WebHandler } from '../core/web.ts'
import { type FileVersion, isUnchanged, rangeOf } from './site-conditions.ts'
import { answerStatus } from './site-response.ts'

const INDEX = 'index.html'

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.avif': 'image/avif',
  '.css': 'text/css',
  '.gif': 'image/gif',
  '.htm': 'text/html',
  '.html': 'text/html',
  '.ico': 'image/x-icon',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.js': 'application/javascript',
  '.json': 'application/json',
  '.mjs': 'application/javascript',
  '.mp3': 'audio/mpeg',
  '.mp4': 'video/mp4',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain',
  '.wasm': 'application/wasm',
  '.webm': 'video/webm',
  '.webp': 'image/webp',
  '.woff': 'font/woff',
  '.woff2': 'font/woff2',
  '.xml': 'text/xml',
  '.zip': 'application/zip',
}

/**
 * Makes the handler of a directory's files. Nothing outside of it is served, through links neither, and nothing whose name begins with a dot.
 * Rejects with PT_WEB_UNUSABLE where there is no such directory.
 */
export async function openDirectorySite(directory: string): Promise<WebHandler> {
  const root = await realRoot(directory)
  return async (request, response) => {
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return answerStatus(response, 405, { Allow: 'GET, HEAD' })
    const [path = '/', query] = (request.url ?? '/').split(/\?(.*)/s, 2)
    const names = namesOf(path)
    if (names === undefined) return answerStatus(response, 400)
    const isDirectoryAsked = path.endsWith('/')
    const found = await find(root, isDirectoryAsked ? [...names, INDEX] : names)
    if (found === undefined) return answerStatus(response, 404)
    try {
      const status = await found.file.stat()
      if (status.isFile())
        return await answerFile(request, response, { ...found, size: status.size, mtimeMs: status.mtimeMs })
      if (!status.isDirectory() || isDirectoryAsked) return answerStatus(response, 404)
      // Two slashes at the beginning would name another host.
      const location = `/${names.map(encodeURIComponent).join('/')}/${query === undefined ? '' : `?${query}`}`
      return answerStatus(response, 301, { Location: location })
    } finally {
      await found.file.close().catch(() => {})
    }
  }
}

async function realRoot(directory: string): Promise<string> {
  try {
    const root = await realpath(directory)
    const file = await open(root, constants.O_RDONLY | (constants.O_DIRECTORY ?? 0))
    await file.close()
    return root
  } catch (cause) {
    throw new PtError('PT_WEB_UNUSABLE', 'The directory of the site cannot be read', { cause })
  }
}

/** Takes a path apart into decoded names; undefined where it is no path, or leads out at the top. */
function namesOf(path: string): string[] | undefined {
  if (!path.startsWith('/')) return undefined
  const names: string[] = []
  for (const part of path.split('/')) {
    const name = decode(part)
    if (name === undefined || /[\0/]/.test(name)) return undefined
    if (name === '..' && names.pop() === undefined) return undefined
    if (name !== '' && name !== '.' && name !== '..') names.push(name)
  }
  return names
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined
  }
}

interface Found {
  readonly file: FileHandle
  readonly name: string
}

async function find(root: string, names: readonly string[]): Promise<Found | undefined> {
  if (names.some((name) => name.startsWith('.') || /[\\:]/.test(name))) return undefined
  try {
    const path = await realpath(join(root, ...names))
    if (path !== root && !path.startsWith(root.endsWith(sep) ? root : root + sep)) return undefined
    // Without links, which were followed already, and without waiting for a FIFO's writer.
    const file = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0))
    return { file, name: names.at(-1) ?? '' }
  } catch {
    return undefined
  }
}

async function answerFile(
  request: IncomingMessage,
  response: ServerResponse,
  { file, name, size, mtimeMs }: Found & { readonly size: number; readonly mtimeMs: number },
): Promise<void> {
  const seconds = Math.floor(mtimeMs / 1000)
  const version: FileVersion = { etag: `"${seconds.toString(16)}-${size.toString(16)}"`, modifiedAt: seconds, size }
  const common = { 'Last-Modified': new Date(seconds * 1000).toUTCString(), ETag: version.etag }
  if (isUnchanged(request.headers, version)) {
    response.writeHead(304, common).end()
    return
  }
  const range = rangeOf(request.headers, version)
  if (range === 'unsatisfiable') return answerStatus(response, 416, { 'Content-Range': `bytes */${size}` })
  const { start, end } = range ?? { start: 0, end: size - 1 }
  response.writeHead(range === undefined ? 200 : 206, {
    'Content-Type': CONTENT_TYPES[extname(name).toLowerCase()] ?? 'application/octet-stream',
    'Content-Length': end - start + 1,
    ...common,
    'Accept-Ranges': 'bytes',
    ...(range !== undefined && { 'Content-Range': `bytes ${start}-${end}/${size}` }),
  })
  if (request.method === 'HEAD' || end < start) {
    response.end()
    return
  }
  // A visitor that leaves is no failure.
  await pipeline(file.createReadStream({ start, end, autoClose: false }), response).catch(() => {})
}
