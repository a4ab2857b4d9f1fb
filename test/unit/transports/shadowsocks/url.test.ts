import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  formatShadowsocksUrl,
  parseShadowsocksUrl,
  type ShadowsocksUrl,
} from '../../../../src/transports/shadowsocks/index.ts'

const PSK = Buffer.alloc(16, 0xfb).toString('base64')
const base64 = (text: string): string => Buffer.from(text).toString('base64url')

const SERVERS: readonly (readonly [ShadowsocksUrl, string])[] = [
  [
    { method: 'aes-128-gcm', password: 'test', host: '192.168.100.1', port: 8888, tag: 'Example1' },
    'ss://YWVzLTEyOC1nY206dGVzdA@192.168.100.1:8888#Example1',
  ],
  [
    { method: 'aes-256-gcm', password: 'a:b/ü', host: '2001:db8::1', port: 1 },
    `ss://${base64('aes-256-gcm:a:b/ü')}@[2001:db8::1]:1`,
  ],
  [
    {
      method: 'chacha20-ietf-poly1305',
      password: 'p',
      host: 'example.org',
      port: 443,
      plugin: { name: 'obfs-local', options: 'obfs=http;obfs-host=a.example' },
      tag: 'ä b',
    },
    `ss://${base64('chacha20-ietf-poly1305:p')}@example.org:443/?plugin=obfs-local%3Bobfs%3Dhttp%3Bobfs-host%3Da.example#%C3%A4%20b`,
  ],
  [
    { method: '2022-blake3-aes-128-gcm', password: PSK, host: 'example.org', port: 8388, plugin: { name: 'x' } },
    `ss://2022-blake3-aes-128-gcm:${encodeURIComponent(PSK)}@example.org:8388/?plugin=x`,
  ],
]

test('URLs are printed, and parsed to what was printed', () => {
  for (const [server, url] of SERVERS) {
    assert.equal(formatShadowsocksUrl(server), url)
    assert.deepEqual(parseShadowsocksUrl(url), server)
  }
})

test('user info may be padded, of either Base64, or percent-encoded; other parameters are ignored', () => {
  const expected = { method: 'aes-128-gcm', password: 'test??>', host: 'h', port: 1 }
  const plain = Buffer.from('aes-128-gcm:test??>').toString('base64')
  for (const userInfo of [
    encodeURIComponent(plain),
    base64('aes-128-gcm:test??>'),
    'AES-128-GCM:test%3F%3F%3E',
    'aes-128-gcm%3Atest%3F%3F%3E',
  ])
    assert.deepEqual(parseShadowsocksUrl(`SS://${userInfo}@h:1/?group=x`), expected, userInfo)
})

test('what is no URL of a server is refused, and nothing of it repeated', () => {
  const secret = 'swordfish'
  const info = base64(`aes-256-gcm:${secret}`)
  const refused = [
    '',
    secret,
    `http://${info}@h:1`,
    `ss://${base64(`aes-256-gcm:${secret}@h:1`)}#legacy`,
    `ss://${info}@h`,
    `ss://${info}@h:0`,
    `ss://${info}@h:65536`,
    `ss://${info}@::1:1`,
    `ss://${info}@[h]:1`,
    `ss://${info}@h:1/path`,
    `ss://${info}@h:1/?plugin=`,
    `ss://${info}@h:1/?plugin=%E0`,
    `ss://${info}@h:1#%E0`,
    `ss://${base64(`rc4-md5:${secret}`)}@h:1`,
    `ss://${base64('aes-256-gcm:')}@h:1`,
    `ss://${base64(secret)}@h:1`,
    `ss://_-_@h:1`,
    `ss://2022-blake3-aes-128-gcm:${secret}@h:1`,
    `ss://${secret}%:x@h:1`,
  ]
  for (const url of refused) {
    assert.throws(
      () => parseShadowsocksUrl(url),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'PT_URL_INVALID', url)
        return !error.message.includes(secret)
      },
    )
  }
  const server = { method: '2022-blake3-aes-128-gcm', password: secret, host: 'h', port: 1 } as const
  assert.throws(() => formatShadowsocksUrl(server), { code: 'PT_URL_INVALID' })
  assert.throws(() => formatShadowsocksUrl({ ...server, password: PSK, host: 'a b' }), { code: 'PT_URL_INVALID' })
  assert.throws(() => formatShadowsocksUrl({ ...server, password: PSK, tag: '\ud800' }), { code: 'PT_URL_INVALID' })
  // They would be parsed to something else, or not at all.
  for (const name of ['', 'a;b'])
    assert.throws(() => formatShadowsocksUrl({ ...server, password: PSK, plugin: { name } }), {
      code: 'PT_URL_INVALID',
    })
})
