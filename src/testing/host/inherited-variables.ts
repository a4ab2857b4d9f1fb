import process from 'node:process'

/** Variables that a parent may have itself, and must not hand on; none of a scenario's own has such a value. */
export const INHERITED: Readonly<Record<string, string>> = Object.freeze({
  TOR_PT_PROXY: 'http://127.0.0.1:7',
  TOR_PT_ORPORT: '127.0.0.1:7',
  TOR_PT_EXTENDED_SERVER_PORT: '127.0.0.1:8',
  TOR_PT_SERVER_BINDADDR: 'alpha-127.0.0.1:7',
  TOR_PT_OUTBOUND_BIND_ADDRESS_V4: '192.0.2.7',
  TOR_PT_OF_OLD: 'of old',
})

let holderCount = 0
const saved = new Map<string, string | undefined>()

/** Has this process's environment hold the variables until `use` has settled: a host may start its child as late as it likes. */
export async function withInheritedVariables<Value>(use: () => Promise<Value>): Promise<Value> {
  if (holderCount++ === 0)
    for (const [name, value] of Object.entries(INHERITED)) {
      saved.set(name, process.env[name])
      process.env[name] = value
    }
  try {
    return await use()
  } finally {
    // Scenarios may run side by side: the last one puts back what was there.
    if (--holderCount === 0) for (const [name, value] of saved) restore(name, value)
  }
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name]
  else process.env[name] = value
}
