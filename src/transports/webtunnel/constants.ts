/** Longest head of a request or response, its empty line included, in bytes. */
export const MAX_HEAD_LENGTH = 16_384
/** How long a server's application waits for the client to speak first, in ms: peers lose bytes that come together with the head of the response. */
export const SPEAK_FIRST_MS = 50
/** The port that stands for a client's where X-Forwarded-For tells none, as in the reference implementation. */
export const UNKNOWN_PORT = 60_000
/** From the accepted stream to the end of its PROXY header, in ms. */
export const PROXY_HEADER_TIMEOUT_MS = 10_000
/** Streams whose PROXY header is not whole; newcomers past it are turned away. */
export const MAX_PROXY_HEADERS = 1_024
/** Version of the reference implementation whose protocol this is, which servers tell. */
export const PROTOCOL_VERSION = '0.0.3'
/** Longest URL, in characters. */
export const MAX_URL_LENGTH = 2_048
/** Addresses and server names in one option. */
export const MAX_LIST_COUNT = 16
/** How long a client waits for one of several addresses before it dials the next, in ms. */
export const ADDRESS_TIMEOUT_MS = 5_000
