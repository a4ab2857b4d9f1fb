import { Connection, type ConnectionParameters } from '../../src/core/connection.ts'
import { FakeClock } from '../../src/testing/fake-clock.ts'
import { type Link, MemoryNetwork } from '../../src/testing/memory-network.ts'
import type { MemoryStream } from '../../src/testing/memory-stream.ts'
import { type Script, ScriptedCodec } from './scripted-codec.ts'

/** Limits of scripted connections, in ms, all different so that a test sees which one was kept. */
export const LIMITS = { dialTimeoutMs: 3000, handshakeTimeoutMs: 6000, lingerMs: 9000, unsafeLogging: false } as const

/** A connection under a scripted codec, the raw stream at the other end of its wire, and all that happened. */
export interface Scene {
  readonly connection: Connection
  readonly codec: ScriptedCodec
  readonly clock: FakeClock
  readonly network: MemoryNetwork
  readonly link: Link
  /** The other end of the wire. It reads all the time. */
  readonly peer: MemoryStream
  /** What the connection emitted: `connect`, `data 'abc'`, `error CODE` … */
  readonly events: string[]
  /** How the wire ended for the peer: `end`, `error CODE`. */
  readonly peerEvents: string[]
  /** The wire bytes that the peer has read. */
  readonly received: () => string
}

type Overrides = Partial<Omit<ConnectionParameters, 'codec' | 'clock' | 'source'>> & {
  /** Whether the application reads; true by default. */
  readonly reads?: boolean
  /** Bytes that one direction of the wire holds. */
  readonly capacity?: number
  /** Is given the connection before anything happens to it. */
  readonly onCreated?: (connection: Connection) => void
  /** By default a new one. */
  readonly clock?: FakeClock
}

/** A client's connection, its stream dialled at once. */
export async function clientScene(script: Script = {}, overrides: Overrides = {}): Promise<Scene> {
  const { network, clock, link } = await openLink(overrides.capacity, overrides.clock)
  const scene = watch({ network, clock, link, peer: link.server }, script, overrides, () =>
    Promise.resolve(link.client),
  )
  await clock.settle()
  return scene
}

/** A server's connection. It waits unserved until `serve()` is called. */
export async function serverScene(script: Script = {}, overrides: Overrides = {}): Promise<Scene> {
  const { network, clock, link } = await openLink(overrides.capacity, overrides.clock)
  const scene = watch({ network, clock, link, peer: link.client }, script, overrides, link.server)
  await clock.settle()
  return scene
}

/** Joins two streams in memory, under a clock that knows of them. */
export async function openLink(
  capacity?: number,
  clock: FakeClock = new FakeClock(),
): Promise<{ readonly network: MemoryNetwork; readonly clock: FakeClock; readonly link: Link }> {
  const network = new MemoryNetwork(capacity)
  clock.watch(() => network.activity)
  const address = { host: '127.0.0.1', port: 1 }
  const acceptor = await network.bind(address, { onStream: () => undefined, onError: () => undefined })
  await network.dial(address, { signal: new AbortController().signal })
  await clock.settle()
  await acceptor.close()
  return { network, clock, link: network.links[0]! }
}

function watch(
  world: Pick<Scene, 'network' | 'clock' | 'link' | 'peer'>,
  script: Script,
  { reads = true, onCreated, ...parameters }: Overrides,
  source: ConnectionParameters['source'],
): Scene {
  const codec = new ScriptedCodec(script)
  const events: string[] = []
  const peerEvents: string[] = []
  let received = ''
  const onEstablished = (connection: Connection): void => {
    events.push('established')
    parameters.onEstablished?.(connection)
  }
  const connection = new Connection({ ...LIMITS, ...parameters, codec, clock: world.clock, source, onEstablished })
  onCreated?.(connection)
  for (const event of ['connect', 'ready', 'end', 'finish', 'timeout', 'close'] as const)
    connection.on(event, () => events.push(event))
  connection.on('error', (error) => events.push(`error ${'code' in error ? String(error.code) : error.message}`))
  if (reads) connection.on('data', (bytes: Buffer) => events.push(`data '${bytes.toString('latin1')}'`))
  world.peer.on('data', (bytes: Buffer) => {
    received += bytes.toString('latin1')
  })
  world.peer.on('end', () => peerEvents.push('end'))
  world.peer.on('error', (error) => peerEvents.push(`error ${'code' in error ? String(error.code) : error.message}`))
  return { ...world, connection, codec, events, peerEvents, received: () => received }
}
