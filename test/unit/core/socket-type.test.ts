import assert from 'node:assert/strict'
import { Socket } from 'node:net'
import { test } from 'node:test'
import type { Connection } from '../../../src/core/connection.ts'
import { createMemoryPlatform } from '../../../src/testing/memory-platform.ts'
import { plain } from '../../../src/testing/plain.ts'

function connection(): Connection {
  const client = plain.client({}, { platform: createMemoryPlatform() })
  const made = client.connect({ host: 'nobody.invalid', port: 1 })
  made.on('error', () => {})
  return made
}

test('a connection has every member of net.Socket', () => {
  const socket = connection() as Socket
  // What begins with _ is Node's own. The type of service, new in Node 24, belongs to the packets of the dialled stream.
  const members = Object.getOwnPropertyNames(Socket.prototype).filter((name) => !/^_|TypeOfService$/.test(name))
  assert.ok(members.length > 15, members.join())
  assert.deepEqual(
    members.filter((name) => !(name in socket)),
    [],
  )
  socket.destroy()
})

test('a connection refuses to connect again', () => {
  const socket = connection()
  assert.throws(() => socket.connect(), { code: 'PT_ALREADY_CONNECTED' })
  socket.destroy()
})
