import { plain, plainDatagrams, runConformance } from '../../src/testing/index.ts'

runConformance({
  transport: plain,
  client: {},
  server: {},
  traits: { integrity: false, handshake: false, silent: false },
})

runConformance({
  transport: plainDatagrams,
  client: {},
  server: {},
  traits: { integrity: false, handshake: false, silent: false, datagrams: true },
})
