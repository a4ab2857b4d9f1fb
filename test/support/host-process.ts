// Launches the PT processes that it is told to, prints the id of each, and stays: it is killed from outside.
import process from 'node:process'
import { launch } from '../../src/host/launch.ts'

const commands = JSON.parse(process.argv[2]!) as readonly { readonly command: string; readonly stateDir: string }[]
const hosts = await Promise.all(
  commands.map((options) => launch({ ...options, role: 'client', transports: ['obfs4'] })),
)
process.stdout.write(`children ${JSON.stringify(hosts.map(({ pid }) => pid))}\n`)
