import { runConformance } from '../../src/testing/index.ts'
import { obfs4 } from '../../src/transports/obfs4/index.ts'

runConformance({
  transport: obfs4,
  client: (listener) => listener.clientArguments,
  server: {},
})
