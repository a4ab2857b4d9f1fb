import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DatagramHandlers, DatagramSocket, Datagrams } from '../../../src/core/platform.ts'
import { MemoryDatagrams, SeededRandom, createMemoryPlatform } from '../../../src/testing/index.ts'
import { IDLE_MS, LOCAL, TARGET, runPacketsClient, runPacketsServer } from '../../support/packet-worlds.ts'
import { ScriptedSocket } from '../../support/scripted-datagrams.ts'

const CLIENT_COUNT = 100
const MAX_LENGTH = 65_507
/** Packets of one client in a row: no more than the send buffer of its connection holds. */
const BURST = 3
const MINUTES = 10
const HEADER_LENGTH = 4
/** How far apart packets of a client are in its row of lengths: small and large ones take turns. */
const STRIDE = 277

const noise = Buffer.alloc(2 * MAX_LENGTH)
new SeededRandom('noise').fill(noise)

/** How many packets a client sends: one of each length that leaves its own number when divided by 100. */
const packetCount = (client: number): number => Math.floor((MAX_LENGTH - client) / CLIENT_COUNT) + 1

/** Whose packet it is, and which: as many of these bytes as it has room for come first, the rest is noise. */
function describe(client: number, sequence: number) {
  const row = (sequence * STRIDE + 100) % packetCount(client)
  const header = Buffer.alloc(HEADER_LENGTH)
  header.writeUInt16BE(client)
  header.writeUInt16BE(sequence, 2)
  return { length: row * CLIENT_COUNT + client, header, start: (client * 7_919 + sequence * 104_729) % MAX_LENGTH }
}

const scratch = Buffer.alloc(MAX_LENGTH)

/** The packet of that number of a client, until the next call. */
function packetOf(client: number, sequence: number): Buffer {
  const { length, header, start } = describe(client, sequence)
  noise.copy(scratch, 0, start, start + length)
  header.copy(scratch)
  return scratch.subarray(0, length)
}

function isPacketOf(client: number, sequence: number, packet: Buffer): boolean {
  const { length, header, start } = describe(client, sequence)
  const room = Math.min(length, HEADER_LENGTH)
  if (packet.byteLength !== length || header.compare(packet, 0, room, 0, room) !== 0) return false
  return noise.compare(packet, room, length, start + room, start + length) === 0
}

/**
 * One answer of so many is the whole packet, the others are its first bytes: this many packets of 64 KiB take their time, and answers of every
 * size have a test of their own.
 */
const WHOLE_ANSWER = 8
const SHORT_LENGTH = 16

const isAnswerOf = (client: number, sequence: number, answer: Buffer): boolean => {
  if (sequence % WHOLE_ANSWER === 0) return isPacketOf(client, sequence, answer)
  return answer.equals(packetOf(client, sequence).subarray(0, SHORT_LENGTH))
}

/** Counts packets of a client as long as they are whole and in their order. */
class Sequence {
  readonly #isNext: (sequence: number, packet: Buffer) => boolean
  readonly #faults: string[]
  count = 0

  constructor(isNext: (sequence: number, packet: Buffer) => boolean, faults: string[]) {
    this.#isNext = isNext
    this.#faults = faults
  }

  take(packet: Buffer): void {
    if (this.#isNext(this.count, packet)) this.count++
    else this.#faults.push(`not packet ${this.count}, by ${packet.byteLength} bytes`)
  }
}

/** Answers every packet, and holds each socket of the server's to one client. */
async function openEcho(datagrams: MemoryDatagrams, faults: string[]) {
  const owners = new Map<number, number>()
  const sequences = Array.from(
    { length: CLIENT_COUNT },
    (_, client) => new Sequence((sequence, packet) => isPacketOf(client, sequence, packet), faults),
  )
  const socket: DatagramSocket = await datagrams.bind(TARGET, {
    onMessage: (packet, { address, port }) => {
      const owner = owners.get(port) ?? packet.readUInt16BE()
      owners.set(port, owner)
      const isWhole = sequences[owner]!.count % WHOLE_ANSWER === 0
      sequences[owner]!.take(packet)
      socket.send(isWhole ? packet : packet.subarray(0, SHORT_LENGTH), { host: address, port })
    },
    onError: assert.ifError,
  })
  return { owners, sequences, socket }
}

async function openClient(datagrams: MemoryDatagrams, client: number, faults: string[]) {
  const answers = new Sequence((sequence, packet) => isAnswerOf(client, sequence, packet), faults)
  const socket = await datagrams.bind(
    { host: '127.0.0.1', port: 10_000 + client },
    { onMessage: (packet) => answers.take(packet), onError: assert.ifError },
  )
  let sentCount = 0
  const burst = (length: number): void => {
    for (let left = length; left > 0 && sentCount < packetCount(client); left--)
      socket.send(packetOf(client, sentCount++), LOCAL)
  }
  return { answers, burst, sentCount: () => sentCount, socket }
}

test('carries packets of every size of 100 clients at once to the server, in order, whole, and to nobody else, through 10 minutes', async () => {
  const memory = createMemoryPlatform({ capacity: 4 * MAX_LENGTH })
  const datagrams = new MemoryDatagrams(2 ** 30)
  memory.clock.watch(() => datagrams.activity)
  const platform = { ...memory, datagrams }
  const server = await runPacketsServer(platform, { ipcLogLevel: 'WARN' })
  const client = await runPacketsClient(platform, { ipcLogLevel: 'WARN' })
  const faults: string[] = []
  const echo = await openEcho(datagrams, faults)
  const clients = await Promise.all(
    Array.from({ length: CLIENT_COUNT }, (_, index) => openClient(datagrams, index, faults)),
  )

  const roundCount = Math.ceil(packetCount(0) / BURST)
  /** Clients of four kinds: three pause once, for longer than the idle time-out, each at another time. */
  const isPausing = (index: number, round: number): boolean => {
    const kind = index % 4
    const from = (roundCount / 4) * kind
    return kind > 0 && round >= from && round < from + roundCount / 4
  }
  const isDone = (index: number): boolean => clients[index]!.sentCount() === packetCount(index)
  let expiredCount = 0
  for (let round = 0; round < 2 * roundCount && !clients.every((_, index) => isDone(index)); round++) {
    for (const [index, each] of clients.entries()) {
      // What waits for a connection is bounded: the first packet comes alone.
      const isFirst = round === 0 || isPausing(index, round - 1)
      if (!isPausing(index, round)) each.burst(isFirst ? 1 : BURST)
    }
    await platform.clock.settle()
    await platform.clock.advance((MINUTES * 60_000) / roundCount)
    expiredCount = Math.max(expiredCount, CLIENT_COUNT - memory.network.openStreamCount / 2)
    assert.deepEqual(faults, [])
    // It would keep all that was ever sent.
    datagrams.sent.length = 0
  }

  const counts = clients.map((_, index) => packetCount(index))
  assert.equal(
    counts.reduce((sum, count) => sum + count),
    MAX_LENGTH + 1,
  )
  assert.deepEqual(
    echo.sequences.map(({ count }) => count),
    counts,
  )
  assert.deepEqual(
    clients.map(({ answers }) => answers.count),
    counts,
  )
  // Whoever paused has come back by another socket.
  const pausing = clients.filter((_, index) => index % 4 > 0).length
  assert.deepEqual([echo.owners.size, expiredCount >= pausing / 3], [CLIENT_COUNT + pausing, true])
  assert.deepEqual([client.logs(), server.logs()], [[], []])

  await platform.clock.advance(2 * IDLE_MS)
  assert.deepEqual([memory.network.openStreamCount, datagrams.openSocketCount], [0, CLIENT_COUNT + 2])
  await Promise.all([client.dispatcher.stop(), server.dispatcher.stop()])
  assert.deepEqual([platform.clock.timerCount, datagrams.openSocketCount], [0, CLIENT_COUNT + 1])
})

test('carries answers of every size to the client, in order and whole', async () => {
  const platform = createMemoryPlatform({ capacity: 4 * MAX_LENGTH })
  let toRelay: DatagramHandlers | undefined
  const datagrams: Datagrams = {
    bind: () => Promise.reject(new Error('nobody binds here')),
    connect: async (_remote, handlers) => {
      toRelay = handlers
      return new ScriptedSocket(handlers)
    },
  }
  const server = await runPacketsServer(platform, { ipcLogLevel: 'WARN' }, { datagrams })
  const client = await runPacketsClient(platform, { ipcLogLevel: 'WARN' })
  const faults: string[] = []
  let owner = 0
  let answers = new Sequence((sequence, packet) => isPacketOf(owner, sequence, packet), faults)
  const application = await platform.datagrams.bind(
    { host: '127.0.0.1', port: 10_000 },
    { onMessage: (packet) => answers.take(packet), onError: assert.ifError },
  )
  application.send(Buffer.from('a'), LOCAL)
  await platform.clock.settle()

  const source = { address: TARGET.host, family: 'IPv4', port: TARGET.port } as const
  for (owner = 0; owner < CLIENT_COUNT; owner++) {
    answers = new Sequence((sequence, packet) => isPacketOf(owner, sequence, packet), faults)
    for (let sequence = 0; sequence < packetCount(owner); sequence++) {
      toRelay!.onMessage(packetOf(owner, sequence), source)
      if (sequence % BURST === BURST - 1) await platform.clock.settle()
    }
    await platform.clock.settle()
    platform.datagrams.sent.length = 0
    assert.deepEqual([answers.count, faults], [packetCount(owner), []])
  }

  assert.deepEqual([client.logs(), server.logs()], [[], []])
  await application.close()
  await Promise.all([client.dispatcher.stop(), server.dispatcher.stop()])
  assert.deepEqual([platform.clock.timerCount, platform.datagrams.openSocketCount], [0, 0])
})
