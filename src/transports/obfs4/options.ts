import { z } from 'zod'
import { defineOptions, missingOption } from '../../core/options.ts'
import type { OptionsInput } from '../../core/options.ts'
import { stateDirOption } from '../../core/state-dir-option.ts'
import { parseCert, parseHex } from './cert.ts'
import type { BridgeIdentity } from './cert.ts'
import { NODE_ID_LENGTH, PUBLIC_KEY_LENGTH } from './constants.ts'

/** An X25519 private key. */
const PRIVATE_KEY_LENGTH = 32
const SEED_LENGTH = 24

/** How a side spreads its writes over time: not at all, whole segments with delays, or sampled segments with delays. */
export type IatMode = 0 | 1 | 2

/** How a client fills the free padding of its hello. */
export type Padding = 'uniform' | 'exempt'

/** What a client works with. */
export interface Obfs4ClientOptions {
  readonly bridge: BridgeIdentity
  readonly iatMode: IatMode
  readonly padding: Padding
}

/** A server's identity given as options; the buffers hold secrets. */
export interface ServerIdentity {
  /** 20 bytes. */
  readonly nodeId: Buffer
  /** 32 bytes, not clamped. */
  readonly privateKey: Buffer
  /** 24 bytes. */
  readonly drbgSeed: Buffer
}

/** What a server works with. What is absent comes from the state directory, or is made. */
export interface Obfs4ServerOptions {
  readonly stateDir?: string
  readonly identity?: ServerIdentity
  readonly iatMode?: IatMode
}

const certText = z.string().transform((text, context) => {
  const identity = parseCert(text)
  if (identity !== undefined) return identity
  context.addIssue({ code: 'custom' })
  return z.NEVER
})

/** Takes bytes, or their hexadecimal digits. */
function bytes(length: number) {
  return z.union([z.string(), z.instanceof(Uint8Array)]).transform((value, context) => {
    const parsed = typeof value === 'string' ? parseHex(value, length) : Buffer.from(value)
    if (parsed?.length === length) return parsed
    context.addIssue({ code: 'custom' })
    return z.NEVER
  })
}

const bytesExpected = (length: number): string => `${length} bytes, or ${2 * length} hexadecimal digits`

const iatMode = z.union([z.literal([0, 1, 2]), z.enum(['0', '1', '2']).transform((digit) => Number(digit) as IatMode)])

const CLIENT_SOURCES = ['api', 'connection', 'bridge-line'] as const
const SERVER_SOURCES = ['api', 'server'] as const

/** The options of a client. `cert` wins over the older pair `node-id` and `public-key`, as in obfs4proxy. */
export const clientOptions = defineOptions(
  'obfs4',
  {
    cert: {
      wireName: 'cert',
      secret: true,
      from: CLIENT_SOURCES,
      schema: certText.optional(),
      expects: '70 characters of Base64, the 52 bytes of node ID and public key, with or without "=="',
      description: "The bridge's node ID and public key, as its bridge line has them",
    },
    nodeId: {
      wireName: 'node-id',
      secret: true,
      from: CLIENT_SOURCES,
      schema: bytes(NODE_ID_LENGTH).optional(),
      expects: bytesExpected(NODE_ID_LENGTH),
      description: "The bridge's node ID, with public-key instead of cert",
    },
    publicKey: {
      wireName: 'public-key',
      secret: true,
      from: CLIENT_SOURCES,
      schema: bytes(PUBLIC_KEY_LENGTH).optional(),
      expects: bytesExpected(PUBLIC_KEY_LENGTH),
      description: "The bridge's public key, with node-id instead of cert",
    },
    iatMode: {
      wireName: 'iat-mode',
      secret: false,
      from: CLIENT_SOURCES,
      schema: iatMode.default(0),
      expects: '0, 1 or 2',
      description: 'How writes are spread over time: 0 not at all, 1 with delays, 2 with delays and sampled lengths',
    },
    padding: {
      wireName: 'padding',
      secret: false,
      from: ['api', 'connection'],
      schema: z.enum(['uniform', 'exempt']).default('uniform'),
      expects: '"uniform" or "exempt"',
      description:
        'What fills the free padding of the hello: uniform bytes, or bytes that the published detector of fully encrypted traffic exempts',
    },
  },
  {
    together: ['cert', 'nodeId', 'publicKey'],
    resolve: ({ cert, nodeId, publicKey, iatMode, padding }): Obfs4ClientOptions => {
      if (cert !== undefined) return { bridge: cert, iatMode, padding }
      if (nodeId === undefined && publicKey === undefined) throw missingOption('cert')
      if (nodeId === undefined) throw missingOption('node-id', 'when "public-key" is given without "cert"')
      if (publicKey === undefined) throw missingOption('public-key', 'when "node-id" is given without "cert"')
      return { bridge: { nodeId, publicKey }, iatMode, padding }
    },
  },
)

/** The options of a server. The identity is given whole or not at all. */
export const serverOptions = defineOptions(
  'obfs4',
  {
    stateDir: stateDirOption(
      SERVER_SOURCES,
      'Where identity and replay filter are kept; without it both live in memory only',
    ),
    nodeId: {
      wireName: 'node-id',
      secret: true,
      from: SERVER_SOURCES,
      schema: bytes(NODE_ID_LENGTH).optional(),
      expects: bytesExpected(NODE_ID_LENGTH),
      description: "The server's node ID, with private-key and drbg-seed",
    },
    privateKey: {
      wireName: 'private-key',
      secret: true,
      from: SERVER_SOURCES,
      schema: bytes(PRIVATE_KEY_LENGTH).optional(),
      expects: bytesExpected(PRIVATE_KEY_LENGTH),
      description: "The server's private key, with node-id and drbg-seed",
    },
    drbgSeed: {
      wireName: 'drbg-seed',
      secret: true,
      from: SERVER_SOURCES,
      schema: bytes(SEED_LENGTH).optional(),
      expects: bytesExpected(SEED_LENGTH),
      description: 'The seed of the length distribution, with node-id and private-key',
    },
    iatMode: {
      wireName: 'iat-mode',
      secret: false,
      from: SERVER_SOURCES,
      schema: iatMode.optional(),
      expects: '0, 1 or 2',
      description: 'How writes are spread over time; without it the stored mode, or 0',
    },
  },
  {
    resolve: ({ stateDir, nodeId, privateKey, drbgSeed, iatMode }): Obfs4ServerOptions => {
      const identity = resolveIdentity({ 'node-id': nodeId, 'private-key': privateKey, 'drbg-seed': drbgSeed })
      return {
        ...(stateDir !== undefined && { stateDir }),
        ...(identity !== undefined && { identity }),
        ...(iatMode !== undefined && { iatMode }),
      }
    },
  },
)

function resolveIdentity(
  given: Record<'node-id' | 'private-key' | 'drbg-seed', Buffer | undefined>,
): ServerIdentity | undefined {
  const { 'node-id': nodeId, 'private-key': privateKey, 'drbg-seed': drbgSeed } = given
  if (nodeId !== undefined && privateKey !== undefined && drbgSeed !== undefined)
    return { nodeId, privateKey, drbgSeed }
  const present = Object.entries(given).find(([, value]) => value !== undefined)?.[0]
  if (present === undefined) return undefined
  const absent = Object.entries(given).find(([, value]) => value === undefined)![0]
  throw missingOption(absent, `when "${present}" is given`)
}

/** What obfs4.client() takes. */
export type Obfs4ClientInput = OptionsInput<typeof clientOptions.definitions>

/** What obfs4.server() takes. */
export type Obfs4ServerInput = OptionsInput<typeof serverOptions.definitions>
