import { X509Certificate, createHash } from 'node:crypto'

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()

/** Hashes a chain of certificates in PEM as pins of webtunnel do: the slow way, over concatenations. */
export function hashChain(...certificates: readonly string[]): Buffer {
  const [first, ...rest] = certificates.map((pem) => sha256(new X509Certificate(pem).raw))
  return rest.reduce((hash, digest) => sha256(Buffer.concat([hash, digest])), first!)
}
