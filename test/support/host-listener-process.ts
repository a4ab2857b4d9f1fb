// Listens through a server child of the program that it is told, says so, and stays: it is killed from outside.
import process from 'node:process'
import { hostTransport } from '../../src/host/host-transport.ts'

const { command, stateDir } = JSON.parse(process.argv[2]!) as { readonly command: string; readonly stateDir: string }
hostTransport({ command, stateDir }, 'obfs4')
  .server({})
  .listen({ host: '127.0.0.1', port: 0 }, () => void process.stdout.write('listening\n'))
