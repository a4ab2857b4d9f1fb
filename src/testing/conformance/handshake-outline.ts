import assert from 'node:assert/strict'
import type { Subject } from './subject.ts'
import { World } from './world.ts'

const CANDIDATE_COUNT = 8

/** A walk over every offset is split in this many tests, each of a few seconds. */
export const SHARD_COUNT = 8

/** One handshake that a seed repeats, measured. Lengths are in wire bytes. */
export interface HandshakeOutline {
  readonly seed: string
  /** How many bytes the server needs before it knows the client. */
  readonly requestLength: number
  /** How many bytes the client needs before it is open; 0 without a handshake. */
  readonly replyLength: number
}

/**
 * Measures the shortest of a few handshakes: it is then taken apart offset by offset, which costs its length, and random padding
 * is as well served by a short one. The wire is chopped into single bytes, so the lengths are exact.
 */
export async function measureHandshake(subject: Subject): Promise<HandshakeOutline> {
  let shortest = { seed: '', length: Number.POSITIVE_INFINITY }
  for (let candidate = 0; candidate < CANDIDATE_COUNT; candidate++) {
    const seed = `handshake ${candidate}`
    const { requestLength, replyLength } = await measure(subject, seed, false)
    if (requestLength + replyLength < shortest.length) shortest = { seed, length: requestLength + replyLength }
  }
  return measure(subject, shortest.seed, true)
}

async function measure(subject: Subject, seed: string, exactly: boolean): Promise<HandshakeOutline> {
  let requestLength = 0
  let replyLength = 0
  const world = await World.open(subject, {
    seed,
    serve: () => {
      requestLength = world.network.links[0]!.toServer.deliveredLength
    },
    onLink: (link) => {
      if (!exactly) return
      link.toServer.chop(1)
      link.toClient.chop(1)
    },
  })
  const client = world.connect()
  client.connection.once('connect', () => {
    replyLength = world.network.links[0]!.toClient.deliveredLength
  })
  await world.until(
    () => client.saw('ready') && world.servers.length === 1,
    `a handshake ${exactly ? 'that arrives in 1-byte pieces' : 'that nothing disturbs'}`,
  )
  assert.ok(
    requestLength > 0,
    'the transport declares that its server knows clients from others, but it took one before the first byte',
  )
  assert.ok(
    replyLength > 0 || !subject.traits.handshake,
    "the transport declares a handshake, but its client emitted 'connect' before the server's first byte",
  )
  await world.close()
  return { seed, requestLength, replyLength }
}

/** Measures once, when the first test asks. */
export function outlineOf(subject: Subject): () => Promise<HandshakeOutline> {
  let outline: Promise<HandshakeOutline> | undefined
  return () => (outline ??= measureHandshake(subject))
}
