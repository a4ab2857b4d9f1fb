import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFile, readdir, readlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { ManagedProcess } from './managed-process.ts'
import { poll } from './poll.ts'

const BIND_LIMIT_MS = 10_000
const FIRST_PORT = 20_000
const PORTS_END = 32_000

/**
 * Finds ports of 127.0.0.1 for servers that must be told theirs, all different, free for UDP and for TCP, which some of them listen on as
 * well. They are below those that the system gives to sockets which ask for any (32,768 and on, on Linux), since another process would
 * often have one before the server is there.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) {
    const port = randomInt(FIRST_PORT, PORTS_END)
    if (await isFree(port)) ports.add(port)
  }
  return [...ports]
}

async function isFree(port: number): Promise<boolean> {
  const [datagrams, streams] = [createSocket('udp4'), createServer()]
  try {
    await once(datagrams.bind({ port, address: '127.0.0.1', exclusive: true }), 'listening')
    await once(streams.listen({ port, host: '127.0.0.1', exclusive: true }), 'listening')
    return true
  } catch {
    return false
  } finally {
    datagrams.close()
    streams.close()
  }
}

/** Lists the local ports of a process's UDP sockets over IPv4, from Linux's /proc; none when it has ended. */
export async function udpPortsOf(child: ManagedProcess): Promise<ReadonlySet<number>> {
  const directory = `/proc/${child.child.pid}`
  const descriptors = await readdir(`${directory}/fd`).catch(() => [])
  const links = await Promise.all(descriptors.map((name) => readlink(`${directory}/fd/${name}`).catch(() => '')))
  const own = new Set(links)
  const table = await readFile(`${directory}/net/udp`, 'utf8').catch(() => '')
  const ports = new Set<number>()
  for (const row of table.split('\n').slice(1)) {
    // sl local_address rem_address st queues tr:when retransmits uid timeout inode …; an address is host:port in hexadecimal.
    const [, local, , , , , , , , inode] = row.trim().split(/\s+/)
    if (local !== undefined && own.has(`socket:[${inode}]`)) ports.add(Number.parseInt(local.split(':')[1]!, 16))
  }
  return ports
}

/** Waits until a process has bound a UDP port: what is sent to it from then on waits in its socket. */
export async function untilBound(child: ManagedProcess, port: number): Promise<void> {
  await poll(`a process with UDP port ${port}`, BIND_LIMIT_MS, async () => {
    if (child.child.exitCode !== null) throw new Error(`the process ended: ${child.errorOutput}`)
    return (await udpPortsOf(child)).has(port) || undefined
  })
}
