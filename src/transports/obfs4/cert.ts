import { NODE_ID_LENGTH, PUBLIC_KEY_LENGTH } from './constants.ts'

/** Base64 characters of a node id and a public key, without the padding. */
export const CERT_LENGTH = 70

/** What a client must know of a bridge. */
export interface BridgeIdentity {
  /** 20 bytes. */
  readonly nodeId: Buffer
  /** The identity key B: a Curve25519 public key of 32 bytes. */
  readonly publicKey: Buffer
}

/** Formats the option `cert`: Base64 of node id ‖ public key without its `==`. Throws RangeError for other lengths than 20 and 32 bytes. */
export function formatCert({
  nodeId,
  publicKey,
}: {
  readonly nodeId: Uint8Array
  readonly publicKey: Uint8Array
}): string {
  if (nodeId.length !== NODE_ID_LENGTH || publicKey.length !== PUBLIC_KEY_LENGTH)
    throw new RangeError('a cert holds a node id of 20 bytes and a public key of 32')
  return Buffer.concat([nodeId, publicKey]).toString('base64').slice(0, CERT_LENGTH)
}

/**
 * Parses the option `cert`, with or without its `==` (obfs4proxy takes it without only), into buffers owned by the caller;
 * undefined where it is not 70 characters of standard Base64.
 */
export function parseCert(text: string): BridgeIdentity | undefined {
  const unpadded = text.endsWith('==') ? text.slice(0, -2) : text
  if (unpadded.length !== CERT_LENGTH || !/^[A-Za-z0-9+/]*$/.test(unpadded)) return undefined
  const bytes = Buffer.from(unpadded, 'base64')
  return { nodeId: bytes.subarray(0, NODE_ID_LENGTH), publicKey: bytes.subarray(NODE_ID_LENGTH) }
}

/** Parses exactly `length` bytes from hexadecimal digits of either case into a buffer owned by the caller; undefined for anything else. */
export function parseHex(text: string, length: number): Buffer | undefined {
  if (text.length !== length * 2 || !/^[0-9A-Fa-f]*$/.test(text)) return undefined
  return Buffer.from(text, 'hex')
}
