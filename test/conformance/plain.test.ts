import { plain, runConformance } from '../../src/testing/index.ts'

runConformance({
  transport: plain,
  client: {},
  server: {},
  traits: { integrity: false, handshake: false, silent: false },
})
