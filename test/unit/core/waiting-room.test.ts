import assert from 'node:assert/strict'
import { test } from 'node:test'
import { NOTHING } from '../../../src/core/codec.ts'
import type { Connection } from '../../../src/core/connection.ts'
import { WaitingRoom, type WaitingRoomLimits } from '../../../src/core/waiting-room.ts'
import { type Scene, serverScene } from '../../support/scripted-connection.ts'

/** A room, and connections that come to it; each opens with its peer's first byte. */
class House {
  readonly room: WaitingRoom
  readonly scenes: Scene[] = []
  readonly admitted: number[] = []
  leaveCount = 0

  constructor(limits: WaitingRoomLimits) {
    this.room = new WaitingRoom(limits, () => this.leaveCount++)
  }

  async enter(count = 1): Promise<void> {
    for (let entered = 0; entered < count; entered++) {
      const index = this.scenes.length
      const scene = await serverScene(
        { start: () => NOTHING, receive: () => ({ established: true }) },
        { onEstablished: (connection: Connection) => this.room.opened(connection, () => this.admitted.push(index)) },
      )
      this.scenes.push(scene)
      this.room.enter(scene.connection)
    }
  }

  /** Has the peer of a connection speak. */
  async speak(index: number): Promise<void> {
    this.scenes[index]!.peer.write('x')
    await this.scenes[index]!.clock.settle()
  }

  async leave(index: number): Promise<void> {
    this.scenes[index]!.connection.destroy()
    await this.scenes[index]!.clock.settle()
  }

  async close(): Promise<void> {
    this.room.destroyAll()
    for (const { clock } of this.scenes) await clock.settle()
  }
}

test('a newcomer past the handshakes waits, unread, until one of them is done', async () => {
  const house = new House({ maxConnections: 10, maxHandshakes: 2, backlog: 10 })
  await house.enter(3)
  await house.speak(2)
  assert.deepEqual(house.admitted, [])
  assert.equal(house.scenes[2]!.connection.wireBytesRead, 0)
  await house.speak(0)
  await house.scenes[2]!.clock.settle()
  assert.deepEqual(house.admitted, [0, 2])
  assert.equal(house.room.openCount, 2)
  assert.equal(house.room.size, 3)
  await house.close()
  assert.equal(house.room.size, 0)
  assert.equal(house.leaveCount, 3)
})

test('a handshake that fails makes room as one that succeeds', async () => {
  const house = new House({ maxConnections: 10, maxHandshakes: 1, backlog: 10 })
  await house.enter(2)
  await house.speak(1)
  assert.deepEqual(house.admitted, [])
  await house.leave(0)
  await house.scenes[1]!.clock.settle()
  assert.deepEqual(house.admitted, [1])
  await house.close()
})

test('silent clients in their handshake take no place among the connections', async () => {
  const house = new House({ maxConnections: 1, maxHandshakes: 3, backlog: 10 })
  await house.enter(3)
  await house.speak(2)
  assert.deepEqual(house.admitted, [2])
  await house.speak(1)
  assert.deepEqual(house.admitted, [2], 'the only place is taken')
  assert.equal(house.room.openCount, 1)
  await house.leave(2)
  assert.deepEqual(house.admitted, [2, 1])
  await house.close()
})

test('nobody is evicted, and it is full only when the backlog is too', async () => {
  const house = new House({ maxConnections: 1, maxHandshakes: 1, backlog: 2 })
  await house.enter()
  assert.equal(house.room.isFull, false)
  await house.speak(0)
  await house.enter(2)
  assert.equal(house.room.isFull, true)
  assert.equal(
    house.scenes.some(({ connection }) => connection.destroyed),
    false,
  )
  await house.leave(1)
  assert.equal(house.room.isFull, false)
  await house.close()
})

test('a higher limit lets in who waits', async () => {
  const house = new House({ maxConnections: 1, maxHandshakes: 1, backlog: 10 })
  await house.enter(2)
  await house.speak(0)
  await house.speak(1)
  assert.deepEqual(house.admitted, [0])
  house.room.limits = { ...house.room.limits, maxConnections: 2 }
  await house.scenes[1]!.clock.settle()
  assert.deepEqual(house.admitted, [0, 1])
  await house.close()
})

test('endHandshakes() ends all but the open', async () => {
  const house = new House({ maxConnections: 1, maxHandshakes: 2, backlog: 10 })
  await house.enter(4)
  await house.speak(0)
  await house.speak(1)
  assert.deepEqual(house.admitted, [0])
  house.room.endHandshakes()
  for (const { clock } of house.scenes) await clock.settle()
  assert.deepEqual(
    house.scenes.map(({ connection }) => connection.destroyed),
    [false, true, true, true],
  )
  assert.equal(house.room.size, 1)
  await house.close()
})
