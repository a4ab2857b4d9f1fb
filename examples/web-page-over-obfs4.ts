// Fetches a web page through obfs4, both ends in this process, and shows what went over the wire. Run it with `npm start`.
import { once } from 'node:events'
import { type IncomingMessage, createServer, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Platform, formatBridgeLine, parseBridgeLine, systemPlatform } from 'pluggable-transports'
import { obfs4 } from 'pluggable-transports/obfs4'

const SHOWN_LENGTH = 48
const PAGE = `<!doctype html>
<title>A page behind obfs4</title>
<p>${'Nobody on the way can tell what this is. '.repeat(40)}</p>
`

// The application server: an ordinary HTTP server that never listens on a port of its own.
const web = createServer((_request, response) => response.setHeader('Content-Type', 'text/html').end(PAGE))

// In front of it an obfs4 server: its connections are sockets like any others.
const listener = obfs4.server({}).listen({ host: '127.0.0.1', port: 0 })
listener.on('connection', (socket) => web.emit('connection', socket))

async function main(): Promise<void> {
  await once(listener, 'listening')
  const bridgeLine = formatBridgeLine(listener)
  const wire = new FirstBytes()

  // The client knows nothing but the bridge line.
  const bridge = parseBridgeLine(bridgeLine)
  const client = obfs4.clientFor(bridge, { platform: watchedPlatform(wire) })
  const started = performance.now()
  const socket = client.connect({ host: bridge.host, port: bridge.port })
  await once(socket, 'connect')
  const handshakeMs = performance.now() - started

  const application = new FirstBytes()
  const outgoing = request({ host: 'example.invalid', path: '/', createConnection: () => application.watch(socket) })
  const [response] = (await once(outgoing.end(), 'response')) as [IncomingMessage]
  let page = ''
  for await (const text of response.setEncoding('utf8')) page += text
  if (page !== PAGE) throw new Error('the page that came is not the page that was sent')

  const { bytesRead, bytesWritten, wireBytesRead, wireBytesWritten } = socket
  show('bridge line', bridgeLine)
  show('the application wrote', ...hexDump(application.bytes))
  show('the wire carried', ...hexDump(wire.bytes))
  show('handshake', `${handshakeMs.toFixed(1)} ms, from connect() to 'connect', dial and both ends' keys included`)
  show('bytes up', `${number(bytesWritten)} of the application, ${number(wireBytesWritten)} on the wire`)
  show('bytes down', `${number(bytesRead)} of the application, ${number(wireBytesRead)} on the wire`)
  show('the page', `${page.split('\n')[1]!} and ${number(page.length)} characters in all, as sent`)

  socket.destroy()
  listener.close()
}

/** Keeps the first bytes that are written to a stream. */
class FirstBytes {
  bytes: Buffer = Buffer.alloc(0)

  watch<Stream extends Duplex>(stream: Stream): Stream {
    const write = stream.write.bind(stream) as (...written: unknown[]) => boolean
    return Object.assign(stream, {
      write: (chunk: string | Uint8Array, ...others: unknown[]): boolean => {
        if (this.bytes.length === 0) this.bytes = Buffer.from(chunk as string).subarray(0, SHOWN_LENGTH)
        return write(chunk, ...others)
      },
    })
  }
}

/** A platform whose dialer is watched: all that a transport sends passes here. */
function watchedPlatform(wire: FirstBytes): Platform {
  const dial: Platform['dialer']['dial'] = async (address, options) =>
    wire.watch(await systemPlatform.dialer.dial(address, options))
  return { ...systemPlatform, dialer: { dial } }
}

function show(label: string, ...lines: string[]): void {
  lines.forEach((line, index) => console.log(`${(index === 0 ? label : '').padEnd(22)} ${line}`))
}

function hexDump(bytes: Buffer): string[] {
  const lines: string[] = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const hex = row.toString('hex').replaceAll(/../g, '$& ').padEnd(48)
    lines.push(`${hex} ${row.toString('latin1').replaceAll(/[^\x20-\x7e]/g, '.')}`)
  }
  return lines
}

function number(value: number): string {
  return value.toLocaleString('en')
}

await main()
