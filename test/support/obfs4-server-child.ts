import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ManagedProcess } from './managed-process.ts'

/** An obfs4 server of ours in a process of its own. */
export interface ServerChild {
  readonly process: ManagedProcess
  readonly port: number
  readonly cert: string
  /** Collects garbage there, and asks for its memory in bytes and the names of the events told so far. */
  readonly status: () => Promise<{
    readonly rss: number
    readonly heapUsed: number
    readonly external: number
    readonly events: readonly string[]
  }>
}

const script = fileURLToPath(new URL('obfs4-server-process.ts', import.meta.url))

/** Starts the child with the server's options; its clock runs `speed` times as fast. */
export async function startServerChild(test: TestContext, options: object, speed = 1): Promise<ServerChild> {
  const args = ['--expose-gc', '--import', 'tsx', script, JSON.stringify(options), String(speed)]
  const process = new ManagedProcess(test, globalThis.process.execPath, args)
  const [, port, cert] = (await process.line('LISTENING ')).split(' ')
  const status: ServerChild['status'] = async () => {
    process.child.stdin!.write('\n')
    return JSON.parse((await process.line('STATUS ')).slice('STATUS '.length)) as Awaited<
      ReturnType<ServerChild['status']>
    >
  }
  return { process, port: Number(port), cert: cert!, status }
}
