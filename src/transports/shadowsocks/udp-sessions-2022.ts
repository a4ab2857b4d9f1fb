import { Buffer } from 'node:buffer'
import type { KeyObject } from 'node:crypto'
import type { AddressedPacket, DatagramCodec } from '../../core/packets.ts'
import type { Clock, TcpAddress, UdpAddress } from '../../core/platform.ts'
import { SlidingWindow } from '../../crypto/sliding-window.ts'
import { type Random, randomBytes } from '../../util/random.ts'
import { encodeSocksAddress } from '../../wire/socks-address.ts'
import {
  encodeFixedHeader,
  isTimely,
  MAX_TIME_DIFFERENCE_S,
  secondsOf,
  TYPE_CLIENT,
  TYPE_SERVER,
} from './headers-2022.ts'
import type { Secret } from './keys.ts'
import { type Forgotten, SALT_LIFETIME_MS } from './timed-salts.ts'
import { isFromTarget } from './udp.ts'
import { openBody, SESSION_ID_LENGTH, type SeparateHeaders, sessionKeyOf, SessionSealer } from './udp-2022.ts'

/** Sessions of clients that a server remembers, past which it takes no new ones. */
export const MAX_UDP_SESSIONS = 65_536
/** Sessions of the server's that a client knows at the same time: two, so that one that starts anew loses nothing. */
const MAX_SERVER_SESSIONS = 2
const NO_ECHO = Buffer.alloc(0)

/** What both ends of datagrams of 2022 need. */
export interface Datagrams2022 {
  readonly secret: Secret
  readonly headers: SeparateHeaders
  readonly clock: Clock
  readonly random: Random
}

interface PeerSession {
  readonly id: string
  readonly key: KeyObject
  readonly window: SlidingWindow
  /** The newest time that a packet had, in seconds. */
  seconds: number
}

/** A client's datagrams to one target. */
export class ClientDatagrams2022 implements DatagramCodec {
  readonly #world: Datagrams2022
  readonly #target: TcpAddress
  readonly #address: Buffer
  readonly #sealer: SessionSealer
  /** The newest last. */
  readonly #peers: PeerSession[] = []
  /** The newest time of a session that is not known any more, in seconds: nothing up to it begins one, for it may be of that. */
  #forgotten = -1

  constructor(world: Datagrams2022, target: TcpAddress) {
    this.#world = world
    this.#target = target
    this.#address = encodeSocksAddress(target)
    this.#sealer = new SessionSealer(world.secret, world.headers, randomBytes(world.random, SESSION_ID_LENGTH))
  }

  seal(packet: Uint8Array): Uint8Array | 'too-long' {
    const fixed = encodeFixedHeader(TYPE_CLIENT, secondsOf(this.#world.clock.now()))
    return this.#sealer.seal(fixed, this.#address, packet)
  }

  open(datagram: Uint8Array): Buffer | undefined {
    const { secret, headers, clock } = this.#world
    const header = headers.read(datagram)
    if (header === undefined) return undefined
    const id = header.sessionId.toString('latin1')
    const known = this.#peers.find((peer) => peer.id === id)
    const peer = known ?? { id, key: sessionKeyOf(secret, header.sessionId), window: new SlidingWindow(), seconds: 0 }
    if (!peer.window.isFresh(header.packetId)) return undefined
    const echo = this.#sealer.sessionId
    const body = openBody(datagram, { secret, key: peer.key, header }, { type: TYPE_SERVER, echo })
    if (body === undefined || !isTimely(body.seconds, secondsOf(clock.now()))) return undefined
    if (known === undefined && !this.#meet(peer, body.seconds)) return undefined
    peer.seconds = Math.max(peer.seconds, body.seconds)
    peer.window.accept(header.packetId)
    return isFromTarget(body.target, this.#target) ? body.packet : undefined
  }

  #meet(peer: PeerSession, seconds: number): boolean {
    if (seconds <= this.#forgotten) return false
    this.#peers.push(peer)
    if (this.#peers.length > MAX_SERVER_SESSIONS)
      this.#forgotten = Math.max(this.#forgotten, this.#peers.shift()!.seconds)
    return true
  }
}

/** What a server remembers of one client's session, also after its peer has ended. */
interface RememberedSession extends PeerSession {
  /** Of the newest packet, on the monotonic clock in ms. */
  at: number
}

/** The sessions of a server's clients. A session is known for 60 s after its last packet at least, so that none of its packets is taken twice. */
export class UdpSessions {
  readonly #world: Datagrams2022
  readonly #forgotten: Forgotten
  readonly #maxCount: number
  /** In the order of their newest packets. */
  readonly #sessions = new Map<string, RememberedSession>()

  constructor(world: Datagrams2022, forgotten: Forgotten, maxCount: number = MAX_UDP_SESSIONS) {
    this.#world = world
    this.#forgotten = forgotten
    this.#maxCount = maxCount
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Names the session of a datagram. */
  keyOf(datagram: Uint8Array): string | undefined {
    return this.#world.headers.read(datagram)?.sessionId.toString('latin1')
  }

  /** Opens a client's datagram, once. */
  open(datagram: Uint8Array): (AddressedPacket & { readonly sessionId: Buffer }) | undefined {
    const { secret, headers, clock } = this.#world
    const header = headers.read(datagram)
    if (header === undefined) return undefined
    const id = header.sessionId.toString('latin1')
    const known = this.#sessions.get(id)
    if (known?.window.isFresh(header.packetId) === false) return undefined
    const key = known?.key ?? sessionKeyOf(secret, header.sessionId)
    const body = openBody(datagram, { secret, key, header }, { type: TYPE_CLIENT, echo: NO_ECHO })
    if (body === undefined || !isTimely(body.seconds, secondsOf(clock.now()))) return undefined
    if (known === undefined && !this.#hasRoomFor(body.seconds)) return undefined
    const session = known ?? { id, key, window: new SlidingWindow(), at: 0, seconds: body.seconds }
    if (!session.window.accept(header.packetId)) return undefined
    session.at = clock.monotonic()
    session.seconds = Math.max(session.seconds, body.seconds)
    this.#sessions.delete(id)
    this.#sessions.set(id, session)
    return { packet: body.packet, target: body.target, sessionId: header.sessionId }
  }

  #hasRoomFor(seconds: number): boolean {
    this.#forget()
    return !this.#forgotten.includes(seconds) && this.#sessions.size < this.#maxCount
  }

  #forget(): void {
    const { clock } = this.#world
    const before = clock.monotonic() - SALT_LIFETIME_MS
    const earliest = secondsOf(clock.now()) - MAX_TIME_DIFFERENCE_S
    for (const [id, { at, seconds }] of this.#sessions) {
      if (at > before || seconds >= earliest) return
      this.#sessions.delete(id)
      this.#forgotten.add(seconds)
    }
  }
}

/** A server's datagrams of one client's session. */
export class ServerDatagrams2022 implements DatagramCodec {
  readonly carriesAddresses = true
  readonly #world: Datagrams2022
  readonly #sessions: UdpSessions
  #sealer: SessionSealer | undefined
  /** Of the client. */
  #sessionId: Buffer | undefined
  #target: TcpAddress | undefined

  constructor(world: Datagrams2022, sessions: UdpSessions) {
    this.#world = world
    this.#sessions = sessions
  }

  seal(packet: Uint8Array, from: UdpAddress | undefined = this.#target): Uint8Array | 'too-long' | 'malformed' {
    if (from === undefined || this.#sessionId === undefined) return 'malformed'
    const { secret, headers, clock, random } = this.#world
    this.#sealer ??= new SessionSealer(secret, headers, randomBytes(random, SESSION_ID_LENGTH))
    const fixed = encodeFixedHeader(TYPE_SERVER, secondsOf(clock.now()), this.#sessionId)
    return this.#sealer.seal(fixed, encodeSocksAddress(from), packet)
  }

  open(datagram: Uint8Array): AddressedPacket | undefined {
    const opened = this.#sessions.open(datagram)
    if (opened === undefined) return undefined
    this.#sessionId ??= Buffer.from(opened.sessionId)
    this.#target = opened.target
    return { packet: opened.packet, target: opened.target }
  }
}
