import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, symlink, utimes, writeFile } from 'node:fs/promises'
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Site } from '../../../src/core/web.ts'
import { systemPlatform } from '../../../src/platform/index.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { closedPort } from '../../support/closed-port.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

type Ask = (request: string, body?: string, connection?: string) => Promise<Answer>

/** Serves a site over loopback; each request is sent on a connection of its own, as it is written. */
async function serveSite(t: TestContext, site: Site): Promise<Ask> {
  const web = (await systemPlatform.web.open({ site })).serve({ isGranted: () => false, onUpgrade: () => {} })
  const onStream = (stream: Parameters<typeof web.accept>[0]): void => void web.accept(stream)
  const acceptor = await systemPlatform.binder.bind({ port: 0, host: '127.0.0.1' }, { onStream, onError: () => {} })
  t.after(async () => {
    await acceptor.close()
    await web.close()
  })
  const { port } = acceptor.address as { port: number }
  return async (request, body = '', connection = 'close') => {
    const address = { host: '127.0.0.1', port }
    const socket = await systemPlatform.dialer.dial(address, { signal: new AbortController().signal })
    let text = ''
    socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1'))).resume()
    const [line, ...rest] = request.split('\n')
    socket.write(
      `${line} HTTP/1.1\r\nHost: visited.example\r\nConnection: ${connection}\r\n${rest.map((header) => `${header}\r\n`).join('')}\r\n${body}`,
    )
    await once(socket, 'end')
    socket.destroy()
    const [head, ...pieces] = text.split('\r\n\r\n')
    const [status, ...headers] = head!.split('\r\n')
    return {
      status: Number(status!.split(' ')[1]),
      headers: Object.fromEntries(headers.map((header) => header.toLowerCase().split(/: (.*)/s, 2))),
      body: pieces.join('\r\n\r\n'),
    }
  }
}

const MODIFIED = new Date('2025-03-04T05:06:07.890Z')

async function serveDirectory(t: TestContext): Promise<Ask> {
  const outside = await temporaryDirectory(t)
  await writeFile(join(outside, 'secret.txt'), 'secret')
  const root = join(outside, 'site')
  await mkdir(join(root, 'deep', 'er'), { recursive: true })
  await mkdir(join(root, '.git'))
  await writeFile(join(root, 'index.html'), '<h1>home</h1>')
  await writeFile(join(root, 'ten.txt'), '0123456789')
  await writeFile(join(root, 'empty.css'), '')
  await writeFile(join(root, 'no type'), 'x')
  await writeFile(join(root, 'deep', 'index.html'), 'deep')
  await writeFile(join(root, '.git', 'config'), 'secret')
  await writeFile(join(root, '.hidden'), 'secret')
  await symlink(join(outside, 'secret.txt'), join(root, 'escape.txt'))
  await symlink(outside, join(root, 'up'))
  await symlink('ten.txt', join(root, 'inside.txt'))
  await utimes(join(root, 'ten.txt'), MODIFIED, MODIFIED)
  return serveSite(t, { directory: root })
}

test('serves the files of a directory, with types, to GET and HEAD', async (t) => {
  const ask = await serveDirectory(t)
  const home = await ask('GET /')
  assert.deepEqual([home.status, home.headers['content-type'], home.body], [200, 'text/html', '<h1>home</h1>'])
  assert.equal((await ask('GET /deep/')).body, 'deep')
  const head = await ask('HEAD /ten.txt?x=1')
  assert.deepEqual([head.status, head.headers['content-length'], head.body], [200, '10', ''])
  assert.equal(head.headers['last-modified'], 'Tue, 04 Mar 2025 05:06:07 GMT'.toLowerCase())
  assert.equal((await ask('GET /empty.css')).headers['content-type'], 'text/css')
  assert.equal((await ask('GET /no%20type')).headers['content-type'], 'application/octet-stream')
  assert.equal((await ask('GET /deep/../ten.txt')).body, '0123456789')
  assert.equal((await ask('GET /inside.txt')).body, '0123456789')
})

test('answers 404, 405 and 301 as web servers do', async (t) => {
  const ask = await serveDirectory(t)
  for (const path of ['/nothing', '/ten.txt/', '/deep/er/']) assert.equal((await ask(`GET ${path}`)).status, 404, path)
  const post = await ask('POST /\nContent-Length: 0')
  assert.deepEqual([post.status, post.headers['allow']], [405, 'get, head'])
  const moved = await ask('GET /deep?q=1')
  assert.deepEqual([moved.status, moved.headers['location']], [301, '/deep/?q=1'])
  assert.equal((await ask('GET //deep')).headers['location'], '/deep/', 'never another host')
})

test('serves nothing outside of the directory, and nothing hidden', async (t) => {
  const ask = await serveDirectory(t)
  for (const path of [
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/..%2fsecret.txt',
    '/..%5csecret.txt',
    '/deep/../../secret.txt',
    '/escape.txt',
    '/up/secret.txt',
    '/up/site/ten.txt/../../../secret.txt',
    '/.git/config',
    '/.hidden',
    '/%2ehidden',
    '/ten.txt%00.html',
    '/%zz',
    'http://other.example/ten.txt',
    '*',
  ]) {
    const answer = await ask(`GET ${path}`)
    assert.ok([400, 404].includes(answer.status), `${path}: ${answer.status}`)
    assert.doesNotMatch(answer.body, /secret/)
  }
})

test('answers conditional requests with 304', async (t) => {
  const ask = await serveDirectory(t)
  const { etag } = (await ask('GET /ten.txt')).headers
  for (const condition of [
    `If-None-Match: ${etag}`,
    `If-None-Match: "x", W/${etag}`,
    'If-None-Match: *',
    'If-Modified-Since: Tue, 04 Mar 2025 05:06:07 GMT',
  ]) {
    const answer = await ask(`GET /ten.txt\n${condition}`)
    assert.deepEqual([answer.status, answer.body], [304, ''], condition)
  }
  for (const condition of [
    'If-None-Match: "x"',
    'If-Modified-Since: Tue, 04 Mar 2025 05:06:06 GMT',
    'If-Modified-Since: never',
    'If-None-Match: "x"\nIf-Modified-Since: Tue, 04 Mar 2026 05:06:07 GMT',
  ])
    assert.equal((await ask(`GET /ten.txt\n${condition}`)).status, 200, condition)
})

test('answers one range with 206, one that is not there with 416, others with the whole', async (t) => {
  const ask = await serveDirectory(t)
  const { etag } = (await ask('GET /ten.txt')).headers
  for (const [range, body, content] of [
    ['0-3', '0123', '0-3/10'],
    ['7-', '789', '7-9/10'],
    ['-2', '89', '8-9/10'],
    ['-99', '0123456789', '0-9/10'],
    ['5-99', '56789', '5-9/10'],
  ]) {
    const answer = await ask(`GET /ten.txt\nRange: bytes=${range}`)
    assert.deepEqual([answer.status, answer.body, answer.headers['content-range']], [206, body, `bytes ${content}`])
  }
  for (const range of ['10-', '99-100', '-0']) {
    const answer = await ask(`GET /ten.txt\nRange: bytes=${range}`)
    assert.deepEqual([answer.status, answer.headers['content-range']], [416, 'bytes */10'], range)
  }
  for (const whole of [
    'Range: bytes=3-1',
    'Range: bytes=0-1,3-4',
    'Range: lines=1-2',
    'Range: bytes=1-2\nIf-Range: "x"',
  ])
    assert.deepEqual([(await ask(`GET /ten.txt\n${whole}`)).status], [200], whole)
  assert.equal((await ask(`GET /ten.txt\nRange: bytes=1-2\nIf-Range: ${etag}`)).body, '12')
})

test('refuses a directory that is none', async (t) => {
  const directory = await temporaryDirectory(t)
  await writeFile(join(directory, 'file'), '')
  for (const path of [join(directory, 'nothing'), join(directory, 'file')])
    await assert.rejects(systemPlatform.web.open({ site: { directory: path } }), { code: 'PT_WEB_UNUSABLE' })
})

async function serveUpstream(
  t: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse, body: string) => void,
  path = '',
): Promise<Ask> {
  const upstream = createServer((request, response) => {
    let body = ''
    request.on('data', (bytes: Buffer) => (body += bytes.toString()))
    request.on('end', () => answer(request, response, body))
  })
  upstream.listen(0, '127.0.0.1')
  await once(upstream, 'listening')
  t.after(() => {
    upstream.close()
    upstream.closeAllConnections()
  })
  return serveSite(t, { upstream: `http://127.0.0.1:${(upstream.address() as AddressInfo).port}${path}` })
}

test('passes requests on to an upstream and its answers back, without what is of one hop', async (t) => {
  const seen: [string, string, NodeJS.Dict<string | string[]>, string][] = []
  const ask = await serveUpstream(
    t,
    (request, response, body) => {
      seen.push([request.method!, request.url!, request.headers, body])
      response.writeHead(418, { 'X-Kept': 'yes', 'Keep-Alive': 'timeout=1', Connection: 'X-Own', 'X-Own': 'no' })
      response.end('short and stout')
    },
    '/base/',
  )
  const answer = await ask(
    'POST /tea?x=1\nContent-Length: 4\nTE: trailers\nX-Forwarded-For: 192.0.2.66\nX-Kept: yes',
    'body',
  )
  assert.deepEqual([answer.status, answer.headers['x-kept'], answer.headers['x-own']], [418, 'yes', undefined])
  assert.match(answer.body, /short and stout/)
  const [method, url, headers, body] = seen[0]!
  assert.deepEqual([method, url, body], ['POST', '/base/tea?x=1', 'body'])
  assert.deepEqual([headers['te'], headers['x-kept'], headers['connection']], [undefined, 'yes', 'close'])
  assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-host']], ['127.0.0.1', 'visited.example'])
  assert.match(headers['host'] as string, /^127\.0\.0\.1:\d+$/)
})

test('frames the body of a GET, so that it is no request of its own', async (t) => {
  const urls: string[] = []
  const ask = await serveUpstream(t, (request, response, body) => {
    urls.push(`${request.url} ${body}`)
    response.end()
  })
  const smuggled = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
  await ask('GET /one\nTransfer-Encoding: chunked', `${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`)
  await ask(`GET /two\nConnection: content-length\nContent-Length: ${smuggled.length}`, smuggled)
  await ask('GET /three')
  assert.deepEqual(urls, [`/one ${smuggled}`, `/two ${smuggled}`, '/three '])
})

test('passes on a body that comes while the request before it waits for its answer', async (t) => {
  const seen: string[] = []
  const ask = await serveUpstream(t, (request, response, body) => {
    seen.push(`${request.url} ${body.length}`)
    setImmediate(() => response.end())
  })
  const posted = 'POST /posted HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000000\r\n\r\n'
  await ask('GET /first', posted + 'x'.repeat(1_000_000), 'keep-alive')
  assert.deepEqual(seen, ['/first 0', '/posted 1000000'])
})

test('answers 502 where the upstream is not there or breaks off', async (t) => {
  const nobody = await serveSite(t, { upstream: `http://127.0.0.1:${await closedPort()}` })
  assert.equal((await nobody('GET /')).status, 502)
  const broken = await serveUpstream(t, (request) => request.socket.destroy())
  assert.equal((await broken('GET /')).status, 502)
})

test('waits 30 s for an upstream', async (t) => {
  const platform = createMemoryPlatform()
  const web = (await platform.web.open({ site: { upstream: 'http://192.0.2.1' } })).serve({
    isGranted: () => false,
    onUpgrade: () => {},
  })
  t.after(() => web.close())
  const handlers = { onError: () => {} }
  await platform.binder.bind({ port: 80, host: '192.0.2.1' }, { ...handlers, onStream: (stream) => stream.resume() })
  await platform.binder.bind({ port: 80, host: '192.0.2.2' }, { ...handlers, onStream: (stream) => web.accept(stream) })
  const { signal } = new AbortController()
  const stream = await platform.dialer.dial({ host: '192.0.2.2', port: 80 }, { signal })
  let text = ''
  stream.on('data', (bytes: Buffer) => (text += bytes.toString()))
  stream.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await platform.clock.settle()
  await platform.clock.advance(29_999)
  assert.equal(text, '')
  await platform.clock.advance(1)
  assert.match(text, /^HTTP\/1\.1 502 /)
})

test('refuses an upstream that is no http:// URL', async () => {
  for (const upstream of ['https://x.example', 'x.example', 'http://u@x.example', 'http://x.example/?q', 'http://'])
    await assert.rejects(systemPlatform.web.open({ site: { upstream } }), { code: 'PT_WEB_UNUSABLE' }, upstream)
})
