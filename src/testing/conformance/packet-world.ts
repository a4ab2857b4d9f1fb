import assert from 'node:assert/strict'
import type { PacketConnection, PacketOptions } from '../../core/packets.ts'
import type { ConnectOptions } from '../../core/transport.ts'
import type { Link } from '../memory-network.ts'
import { PacketWitness } from './packet-witness.ts'
import type { Subject } from './subject.ts'
import { inWorld, type World, type WorldOptions } from './world.ts'

const HELLO = Buffer.from([0, 1, 0, 0, ...Buffer.from('packets: hello!!')])

/** A world whose clients come for packets, and those that came. */
export class PacketWorld {
  readonly world: World
  readonly servers: PacketWitness[] = []
  readonly clients: PacketWitness[] = []
  readonly #options: PacketOptions

  constructor(world: World, options: PacketOptions) {
    this.world = world
    this.#options = options
    world.listener.on('packets', (packets: PacketConnection) => {
      this.servers.push(new PacketWitness(packets, `server ${this.servers.length + 1}`))
    })
  }

  /** Begins a packet connection to the server. */
  connect(options: ConnectOptions & PacketOptions = {}): PacketWitness {
    const target = { host: '127.0.0.1', port: this.world.port, ...this.#options, ...options }
    const client = new PacketWitness(
      this.world.clientFactory.connectPackets(target),
      `client ${this.clients.length + 1}`,
    )
    this.clients.push(client)
    return client
  }

  /** Opens one, and waits until a first packet, which is not written down, has reached the server. */
  async pair(options: ConnectOptions & PacketOptions = {}): Promise<PacketPair> {
    const { world } = this
    const linkIndex = world.network.links.length
    const known = this.servers.length
    const client = this.connect(options)
    client.send(HELLO)
    await this.until(() => this.servers[known]?.messages.length === 1, "the client's first packet")
    const server = this.servers[known]!
    assert.ok(server.takeLast()!.equals(HELLO), 'the first packet arrived altered')
    return { client, server, link: world.network.links[linkIndex]! }
  }

  /** Waits until `holds`, as World does. */
  async until(holds: () => boolean, what: string, withinMs?: number): Promise<void> {
    try {
      await this.world.until(holds, what, withinMs)
    } catch (error) {
      const witnesses = [...this.clients, ...this.servers].map((witness) => `  ${witness.describe()}`)
      assert.fail([error instanceof Error ? error.message : String(error), ...witnesses].join('\n'))
    }
  }

  async untilClosed(...witnesses: PacketWitness[]): Promise<void> {
    for (const each of witnesses) await this.until(() => each.isClosed, `'close' of ${each.label}`)
  }

  /** Ends every packet connection. */
  destroy(): void {
    for (const { packets } of [...this.clients, ...this.servers]) packets.destroy()
  }

  /** Ends everything, and holds each connection to the rules of its events. */
  async close(): Promise<void> {
    this.destroy()
    await this.untilClosed(...this.clients, ...this.servers)
    const faults = [...this.clients, ...this.servers].flatMap((witness) => witness.faults())
    assert.deepEqual(faults, [], `the rules of a packet connection are broken:\n${faults.join('\n')}`)
  }
}

export interface PacketPair {
  readonly client: PacketWitness
  readonly server: PacketWitness
  readonly link: Link
}

/** How a scenario's world is made, and how both sides carry packets. */
export interface PacketWorldOptions {
  readonly packets?: PacketOptions
  readonly world?: WorldOptions
}

/** Runs a scenario in a world of its own, whose listener takes packets; checks events and leftovers afterwards. */
export async function inPacketWorld(
  subject: Subject,
  { packets = {}, world: options = {} }: PacketWorldOptions,
  scenario: (world: PacketWorld) => Promise<void>,
): Promise<void> {
  const framing = packets.framing ?? 'length-prefix'
  const carried = { ...packets, framing }
  await inWorld(subject, { ...options, listen: { packets: carried, ...options.listen } }, async (world) => {
    const packetWorld = new PacketWorld(world, carried)
    try {
      await scenario(packetWorld)
    } catch (error) {
      packetWorld.destroy()
      throw error
    }
    await packetWorld.close()
  })
}
