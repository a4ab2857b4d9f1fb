import { cpus } from 'node:os'
import process from 'node:process'
import { benchBesideObfs4 } from './beside-obfs4.ts'
import { benchCodec } from './codec.ts'
import { benchConnection } from './connection.ts'
import { benchHandshake } from './handshake.ts'
import { benchHost } from './host.ts'
import { benchIdleMemory } from './idle-memory.ts'
import { benchPackets } from './packets.ts'
import type { Floor } from './pair.ts'

const BENCHES: Readonly<Record<string, () => Promise<readonly Floor[]>>> = {
  codec: codecFloors,
  connection: benchConnection,
  handshake: benchHandshake,
  'idle-memory': benchIdleMemory,
  host: benchHost,
  packets: benchPackets,
  transports: benchBesideObfs4,
}

async function codecFloors(): Promise<readonly Floor[]> {
  const rows = await benchCodec()
  return rows.flatMap(({ what, direction, ratio, floor }) => {
    if (floor === undefined) return []
    const name = `${direction} ${what}: ${ratio.toFixed(2)} of sodium-native's bare box, at least ${floor}`
    return { name, met: ratio >= floor }
  })
}

async function run(names: readonly string[]): Promise<void> {
  const unknown = names.find((name) => !Object.hasOwn(BENCHES, name))
  if (unknown !== undefined) {
    console.error(`There is no bench "${unknown}"; there are ${Object.keys(BENCHES).join(', ')}`)
    process.exitCode = 64
    return
  }
  const processors = cpus()
  console.log(
    `Node ${process.version} on ${process.platform} ${process.arch}, ${processors.length} × ${processors[0]?.model}`,
  )
  const floors: Floor[] = []
  for (const name of names) floors.push(...(await BENCHES[name]!()))
  if (floors.length > 0) console.log('\nFloors')
  for (const { name, met } of floors) console.log(`  ${met ? 'met   ' : 'MISSED'}  ${name}`)
  if (floors.some(({ met }) => !met)) process.exitCode = 1
}

const selected = process.argv.slice(2)
await run(selected.length > 0 ? selected : Object.keys(BENCHES))
