import { createHash } from 'node:crypto'
import type { StateDirectory } from '../../core/platform.ts'
import { corruptState, parseStateObject, usableState } from '../../core/state-file.ts'
import { constantTimeEqual } from '../../crypto/constant-time.ts'
import { X25519_KEY_LENGTH, x25519PublicKey } from '../../crypto/x25519.ts'
import { type Random, randomBytes } from '../../util/random.ts'
import { formatCert, parseHex } from './cert.ts'
import { NODE_ID_LENGTH, PUBLIC_KEY_LENGTH } from './constants.ts'
import type { IatMode, ServerIdentity } from './options.ts'

/** The state's files, under obfs4proxy's names and in its formats, so that each can start from the other's. */
export const STATE_FILE = 'obfs4_state.json'
export const BRIDGE_LINE_FILE = 'obfs4_bridgeline.txt'
export const DRBG_SEED_LENGTH = 24

/** What a server works with. */
export interface BridgeState extends ServerIdentity {
  /** 32 bytes. */
  readonly publicKey: Buffer
  readonly iatMode: IatMode
  /** The identity came from options, while a different one is stored, which was left as it is. */
  readonly overridesStored: boolean
}

export interface BridgeStateSources {
  /** Where state is kept; without it nothing is. */
  readonly directory: StateDirectory | undefined
  /** The identity from options. */
  readonly identity: ServerIdentity | undefined
  /** The mode from options. */
  readonly iatMode: IatMode | undefined
  readonly random: Random
}

interface StoredState extends ServerIdentity {
  readonly iatMode: IatMode
  /** The files hold other values, or are not there. */
  readonly stale: boolean
}

/**
 * Loads the state of a bridge: from options, or else from the state file, or else made anew. What is new is saved, an iat-mode from
 * options too, but never over another identity. Rejects with PT_STATE_CORRUPT, the file untouched, or PT_STATE_UNUSABLE with the system's
 * error as its cause.
 *
 * Two processes that start at once in one directory could each make an identity: hold the directory's lock before.
 */
export async function loadBridgeState(sources: BridgeStateSources): Promise<BridgeState> {
  const { directory, identity, random } = sources
  const stored = directory && (await readState(directory))
  const overridesStored = stored !== undefined && identity !== undefined && !isSameIdentity(stored, identity)
  const { nodeId, privateKey, drbgSeed } = identity ?? stored ?? generateIdentity(random)
  const iatMode = sources.iatMode ?? (overridesStored ? undefined : stored?.iatMode) ?? 0
  const publicKey = x25519PublicKey(privateKey)
  const state = Object.freeze({ nodeId, privateKey, publicKey, drbgSeed, iatMode, overridesStored })
  if (directory !== undefined && !overridesStored) await save(directory, state, stored)
  return state
}

/** Makes an identity as obfs4proxy does: the private key is half of a SHA-512 digest, unclamped. */
function generateIdentity(random: Random): ServerIdentity {
  const nodeId = randomBytes(random, NODE_ID_LENGTH)
  const seed = randomBytes(random, X25519_KEY_LENGTH)
  const digest = createHash('sha512').update(seed).digest()
  const privateKey = Buffer.from(digest.subarray(0, X25519_KEY_LENGTH))
  seed.fill(0)
  digest.fill(0)
  return { nodeId, privateKey, drbgSeed: randomBytes(random, DRBG_SEED_LENGTH) }
}

function isSameIdentity(a: ServerIdentity, b: ServerIdentity): boolean {
  return (
    a.nodeId.equals(b.nodeId) &&
    constantTimeEqual(a.privateKey, b.privateKey) &&
    constantTimeEqual(a.drbgSeed, b.drbgSeed)
  )
}

async function readState(directory: StateDirectory): Promise<StoredState | undefined> {
  const content = await usableState(STATE_FILE, directory.read(STATE_FILE))
  return content && parseState(content.toString('utf8'))
}

function parseState(text: string): StoredState {
  const fields = parseStateObject(STATE_FILE, text)
  const nodeId = hexField(fields, 'node-id', NODE_ID_LENGTH)
  const privateKey = hexField(fields, 'private-key', X25519_KEY_LENGTH)
  const drbgSeed = hexField(fields, 'drbg-seed', DRBG_SEED_LENGTH)
  // obfs4proxy writes an empty one when it was given the identity as options.
  const publicKey = fields['public-key'] ?? ''
  if (publicKey !== '') {
    const given = hexField(fields, 'public-key', PUBLIC_KEY_LENGTH)
    if (!given.equals(x25519PublicKey(privateKey)))
      throw corruptState(STATE_FILE, '"public-key" is not that of "private-key"')
  }
  const iatMode = fields['iat-mode'] ?? 0
  if (iatMode !== 0 && iatMode !== 1 && iatMode !== 2) throw corruptState(STATE_FILE, '"iat-mode" is not 0, 1 or 2')
  return { nodeId, privateKey, drbgSeed, iatMode, stale: fields['iat-mode'] === undefined }
}

function hexField(fields: Readonly<Record<string, unknown>>, name: string, length: number): Buffer {
  const text = fields[name]
  if (typeof text !== 'string') throw corruptState(STATE_FILE, `"${name}" is not a string`)
  const bytes = parseHex(text, length)
  if (bytes === undefined) throw corruptState(STATE_FILE, `"${name}" does not have ${length * 2} hexadecimal digits`)
  return bytes
}

async function save(directory: StateDirectory, state: BridgeState, stored: StoredState | undefined): Promise<void> {
  if (stored === undefined || stored.stale || stored.iatMode !== state.iatMode)
    await usableState(STATE_FILE, directory.replace(STATE_FILE, formatState(state)))
  const line = formatBridgeLineTemplate(state)
  const written = await usableState(BRIDGE_LINE_FILE, directory.read(BRIDGE_LINE_FILE))
  if (written?.toString('utf8').split('\n').includes(line)) return
  await usableState(BRIDGE_LINE_FILE, directory.replace(BRIDGE_LINE_FILE, `${BRIDGE_LINE_COMMENT}\n${line}\n`))
}

/** Keys in obfs4proxy's order, on a single line without its end. */
function formatState({ nodeId, privateKey, publicKey, drbgSeed, iatMode }: BridgeState): string {
  return JSON.stringify({
    'node-id': nodeId.toString('hex'),
    'private-key': privateKey.toString('hex'),
    'public-key': publicKey.toString('hex'),
    'drbg-seed': drbgSeed.toString('hex'),
    'iat-mode': iatMode,
  })
}

const BRIDGE_LINE_COMMENT = `\
# The line that clients of this bridge put into their torrc.
#
# It is written anew whenever the bridge's identity or iat-mode changes; editing it changes nothing.
# Fill these in before you hand it out:
#  <IP ADDRESS>   the bridge's public address
#  <PORT>         the port that clients reach it at
#  <FINGERPRINT>  the fingerprint of the Tor relay behind it
`

function formatBridgeLineTemplate(state: BridgeState): string {
  return `Bridge obfs4 <IP ADDRESS>:<PORT> <FINGERPRINT> cert=${formatCert(state)} iat-mode=${state.iatMode}`
}
