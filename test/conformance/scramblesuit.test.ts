import { runConformance } from '../../src/testing/index.ts'
import { scramblesuit } from '../../src/transports/scramblesuit/index.ts'

runConformance({
  transport: scramblesuit,
  client: (listener) => listener.clientArguments,
  server: {},
})
