import { describe, it } from 'node:test'
import { type Runner, runConformance } from '../../src/testing/index.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'

runConformance({
  transport: obfs4,
  client: (listener) => listener.clientArguments,
  server: {},
})

// The handshake is the same in every iat-mode: its walks over every offset are left out.
const withoutWalks: Runner = {
  describe: (title, define) => void describe(title, define),
  it: (title, test) => void (/every offset/.test(title) || it(title, test)),
}

for (const iatMode of [1, 2] as const) {
  describe(`iat-mode ${iatMode}`, () => {
    runConformance(
      { transport: obfs4, client: (listener) => listener.clientArguments, server: { iatMode } },
      withoutWalks,
    )
  })
}
