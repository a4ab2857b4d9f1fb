import { z } from 'zod'
import { defineOptions } from '../../src/core/options.ts'
import type { ByteStream, TcpAddress } from '../../src/core/platform.ts'
import type { Arguments, Deliver, Destination, Front, ServerSession, Transport } from '../../src/core/transport.ts'
import { defineTransport } from '../../src/platform/define-transport.ts'
import { type Script, ScriptedCodec } from './scripted-codec.ts'

export interface ScriptedTransport {
  readonly transport: Transport
  /** What happened to the server's session: `open`, `opened`, `close`, and so on. */
  readonly session: string[]
  /** The options that each client codec was made with. */
  readonly clientOptions: object[]
  /** What each call of `dial` was given. */
  readonly dials: object[]
}

export interface Scripts {
  readonly client?: Script
  readonly server?: Script
  /** Is awaited when the server's session is opened; what it throws fails that. */
  readonly onOpen?: () => unknown
  /** Likewise when it is closed. */
  readonly onClose?: () => unknown
  readonly clientArguments?: Arguments
  readonly publicAddress?: TcpAddress | undefined
  /** Makes the front of a listener. */
  readonly front?: (deliver: Deliver) => Front
  /** Opens clients' streams in place of the platform's dialer. */
  readonly dial?: (destination: Destination, options: object, signal: AbortSignal) => Promise<ByteStream>
  /** Lets connections carry a target. */
  readonly route?: (options: object, told: Destination) => Destination
}

const bothWays = ['api', 'connection'] as const

const clientOptions = defineOptions('scripted', {
  token: {
    wireName: 'token',
    secret: true,
    from: bothWays,
    schema: z.string(),
    expects: 'a text',
    description: 'Needed',
  },
  colour: {
    wireName: 'the-colour',
    secret: false,
    from: bothWays,
    schema: z.string().default('grey'),
    expects: 'a text',
    description: 'Optional',
  },
  keyFile: {
    wireName: 'key-file',
    secret: false,
    from: ['api'],
    schema: z.string().optional(),
    expects: 'a path',
    description: 'Never per connection',
  },
})

/** Makes a transport whose codecs follow scripts; its clients need the option `token`. */
export function scriptedTransport(scripts: Scripts = {}): ScriptedTransport {
  const session: string[] = []
  const seen: object[] = []
  const dials: object[] = []
  const { dial, route } = scripts
  const open = async (): Promise<ServerSession> => {
    session.push('open')
    await scripts.onOpen?.()
    session.push('opened')
    return {
      clientArguments: scripts.clientArguments ?? {},
      publicAddress: scripts.publicAddress,
      ...(scripts.front !== undefined && { front: scripts.front }),
      codec: () => new ScriptedCodec(scripts.server),
      close: async () => {
        session.push('close')
        await scripts.onClose?.()
        session.push('closed')
      },
    }
  }
  const transport = defineTransport({
    name: 'scripted',
    clientOptions,
    serverOptions: defineOptions('scripted', {}),
    openClient: () => ({
      codec: (options) => {
        seen.push(options)
        return new ScriptedCodec(scripts.client)
      },
      ...(dial !== undefined && {
        dial: (destination: Destination, options: object, signal: AbortSignal) => {
          dials.push({ ...destination, options })
          return dial(destination, options, signal)
        },
      }),
      ...(route !== undefined && { route }),
    }),
    openServer: () => ({ open }),
  })
  return { transport, session, clientOptions: seen, dials }
}
