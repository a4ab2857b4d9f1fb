/**
 * obfs4's ntor. It is Tor's (tor-spec, "The ntor handshake") with three differences that only the running code has: the identity
 * key stands twice in the suffix, ahead of the session keys; the node id ends it; and AUTH covers the same suffix again.
 */
import { hkdfSha256, hmacSha256 } from './hkdf.ts'
import {
  X25519_KEY_LENGTH,
  type X25519PrivateKey,
  type X25519PublicKey,
  importX25519PrivateKey,
  importX25519PublicKey,
  x25519,
} from './x25519.ts'

export const NTOR_NODE_ID_LENGTH = 20
/** Bytes that `ntorKeys` derives: 72 for the direction from client to server, then 72 for the other. */
export const NTOR_KEYS_LENGTH = 144

const PROTOID = Buffer.from('ntor-curve25519-sha256-1')
const T_MAC = Buffer.from(`${PROTOID.toString()}:mac`)
const T_KEY = Buffer.from(`${PROTOID.toString()}:key_extract`)
const T_VERIFY = Buffer.from(`${PROTOID.toString()}:key_verify`)
const M_EXPAND = Buffer.from(`${PROTOID.toString()}:key_expand`)
const SERVER = Buffer.from('Server')
const ZERO_SECRET = Buffer.alloc(X25519_KEY_LENGTH)

/** What both sides share after the exchange; both buffers of 32 bytes belong to the caller. */
export interface NtorResult {
  readonly keySeed: Buffer
  readonly auth: Buffer
}

/** The client's view. Public keys are 32 bytes, decoded from their representatives. */
export interface NtorClientInput {
  /** The client's session key x: 32 bytes. */
  readonly privateKey: Uint8Array | X25519PrivateKey
  /** The client's session key X. */
  readonly publicKey: Uint8Array
  /** The server's session key Y. */
  readonly serverPublicKey: Uint8Array
  /** The server's identity key B. */
  readonly identity: Uint8Array
  /** The same for exchanges: import it once, it serves every handshake with this server. */
  readonly importedIdentity?: X25519PublicKey | undefined
  /** The server's node id: 20 bytes. */
  readonly nodeId: Uint8Array
}

/** The server's view. Public keys are 32 bytes, decoded from their representatives. */
export interface NtorServerInput {
  /** The server's session key y: 32 bytes. */
  readonly privateKey: Uint8Array | X25519PrivateKey
  /** The server's session key Y. */
  readonly publicKey: Uint8Array
  /** The client's session key X. */
  readonly clientPublicKey: Uint8Array
  /** The server's identity key b: import it once, it serves every handshake. */
  readonly identityPrivateKey: Uint8Array | X25519PrivateKey
  /** The server's identity key B. */
  readonly identity: Uint8Array
  /** The server's node id: 20 bytes. */
  readonly nodeId: Uint8Array
}

/** Computes the client's side; undefined when a shared secret is all zero, and only after the same work. Throws RangeError for wrong lengths. */
export function ntorClient(input: NtorClientInput): NtorResult | undefined {
  const privateKey = imported(input.privateKey)
  const exp1 = x25519(privateKey, input.serverPublicKey)
  const exp2 = x25519(privateKey, input.importedIdentity ?? input.identity)
  return derive(exp1, exp2, suffixOf(input.identity, input.publicKey, input.serverPublicKey, input.nodeId))
}

/** Computes the server's side; undefined when a shared secret is all zero, and only after the same work. Throws RangeError for wrong lengths. */
export function ntorServer(input: NtorServerInput): NtorResult | undefined {
  const clientKey = importX25519PublicKey(input.clientPublicKey)
  const exp1 = x25519(input.privateKey, clientKey)
  const exp2 = x25519(input.identityPrivateKey, clientKey)
  return derive(exp1, exp2, suffixOf(input.identity, input.clientPublicKey, input.publicKey, input.nodeId))
}

/** Expands KEY_SEED (32 bytes) to the 144 bytes of both directions' frame keys, client to server first. */
export function ntorKeys(keySeed: Uint8Array): Buffer {
  return hkdfSha256(keySeed, { salt: T_KEY, info: M_EXPAND, length: NTOR_KEYS_LENGTH })
}

/** Imports raw bytes, which costs as much as an exchange, once for both. */
function imported(key: Uint8Array | X25519PrivateKey): X25519PrivateKey {
  return key instanceof Uint8Array ? importX25519PrivateKey(key) : key
}

function suffixOf(identity: Uint8Array, clientPublicKey: Uint8Array, serverPublicKey: Uint8Array, nodeId: Uint8Array) {
  for (const key of [identity, clientPublicKey, serverPublicKey])
    if (key.length !== X25519_KEY_LENGTH) throw new RangeError('an X25519 key has 32 bytes')
  if (nodeId.length !== NTOR_NODE_ID_LENGTH) throw new RangeError('a node id has 20 bytes')
  return Buffer.concat([identity, identity, clientPublicKey, serverPublicKey, PROTOID, nodeId])
}

function derive(exp1: Buffer | undefined, exp2: Buffer | undefined, suffix: Buffer): NtorResult | undefined {
  const secretInput = [exp1 ?? ZERO_SECRET, exp2 ?? ZERO_SECRET, suffix] as const
  const keySeed = hmacSha256(T_KEY, ...secretInput)
  const verify = hmacSha256(T_VERIFY, ...secretInput)
  const auth = hmacSha256(T_MAC, verify, suffix, SERVER)
  return exp1 === undefined || exp2 === undefined ? undefined : { keySeed, auth }
}
