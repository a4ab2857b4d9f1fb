import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Arguments } from '../../core/transport.ts'
import type { HostLaunch } from './subject.ts'
import type { Script, Step } from './script.ts'

/** A method as a host must tell it. */
export interface ExpectedMethod {
  /** 127.0.0.1 unless it is another. */
  readonly host?: string
  /** The child's `{port}` unless it is another. */
  readonly port?: number | 'port' | 'other'
  /** A server's; none unless there are some. */
  readonly arguments?: Arguments
}

/** What a host must make of a child: the methods that it offers, or no use of it at all. */
export type Outcome = { readonly methods: Readonly<Record<string, ExpectedMethod>> } | 'refused'

export interface Scenario extends Script {
  readonly title: string
  readonly outcome: Outcome
  /** The child never says what it is waited for. */
  readonly silent?: boolean
  readonly settings?: Partial<
    Pick<HostLaunch, 'role' | 'transports' | 'versions' | 'proxy' | 'bind' | 'extendedOrPort'>
  >
}

const MIB = 1024 * 1024
const LOG_LINE = 'LOG SEVERITY=debug MESSAGE="again"\n'
/** Nothing is there. */
const EXTENDED_OR_PORT = {
  address: { host: '127.0.0.1', port: 9 },
  cookieFile: join(tmpdir(), 'pt-host-cookie'),
} as const
const PROXY = 'socks5://127.0.0.1:9'

const write = (...lines: readonly string[]): Step => ({
  does: 'write',
  text: lines.map((line) => `${line}\n`).join(''),
})
const raw = (text: string): Step => ({ does: 'write', text })
const complain = (line: string): Step => ({ does: 'write', text: `${line}\n`, stream: 'stderr' })
const pause = (ms: number): Step => ({ does: 'pause', ms })
const exit = (code: number): Step => ({ does: 'exit', code })

const VERSION = 'VERSION 1'
const METHOD = 'CMETHOD alpha socks5 127.0.0.1:{port}'
const DONE = 'CMETHODS DONE'
const GOOD = [VERSION, METHOD, DONE]
const ALPHA: Outcome = { methods: { alpha: {} } }
const SERVER = { role: 'server' } as const
const FAMILY_3 = { versions: ['3.0'] } as const

/** Children that a host must put up with. */
const TOLERATED: readonly Scenario[] = [
  { title: 'a client that does as it should', steps: [write(...GOOD)], outcome: ALPHA },
  {
    title: 'a server whose arguments are escaped',
    settings: SERVER,
    steps: [write(VERSION, String.raw`SMETHOD alpha 127.0.0.1:{port} ARGS:a=1\,2,b\=c=d\\e,f=g=h`, 'SMETHODS DONE')],
    outcome: { methods: { alpha: { arguments: { a: '1,2', 'b=c': String.raw`d\e`, f: 'g=h' } } } },
  },
  {
    title: 'a server without arguments, on every address',
    settings: SERVER,
    steps: [write(VERSION, 'SMETHOD alpha 0.0.0.0:{port}', 'SMETHODS DONE')],
    outcome: { methods: { alpha: { host: '0.0.0.0' } } },
  },
  {
    title: 'a server on one of all the addresses, and a port of its own, where both are left to it',
    settings: { role: 'server', bind: { alpha: { host: '0.0.0.0', port: 0 } } },
    steps: [write(VERSION, 'SMETHOD alpha 192.0.2.9:{port}', 'SMETHODS DONE')],
    outcome: { methods: { alpha: { host: '192.0.2.9' } } },
  },
  {
    title: 'a server on the very address and port that it was told',
    settings: { role: 'server', bind: { alpha: { host: '127.0.0.1', port: 9 } } },
    steps: [write(VERSION, 'SMETHOD alpha 127.0.0.1:9', 'SMETHODS DONE')],
    outcome: { methods: { alpha: { port: 9 } } },
  },
  {
    title: 'two servers that were told an address each, one of IPv6',
    settings: {
      role: 'server',
      transports: ['alpha', 'beta'],
      bind: { alpha: { host: '127.0.0.1', port: 0 }, beta: { host: '::1', port: 0 } },
    },
    steps: [write(VERSION, 'SMETHOD alpha 127.0.0.1:{port}', 'SMETHOD beta [::1]:{other}', 'SMETHODS DONE')],
    outcome: { methods: { alpha: {}, beta: { host: '::1', port: 'other' } } },
  },
  {
    title: 'a server whose application server is an Extended ORPort',
    settings: { role: 'server', extendedOrPort: EXTENDED_OR_PORT },
    steps: [write(VERSION, 'SMETHOD alpha 127.0.0.1:{port}', 'SMETHODS DONE')],
    outcome: ALPHA,
  },
  {
    title: 'a client on the loopback address of IPv6',
    steps: [write(VERSION, 'CMETHOD alpha socks5 [::1]:{port}', DONE)],
    outcome: { methods: { alpha: { host: '::1' } } },
  },
  { title: 'lines that end in CR LF', steps: [raw(GOOD.map((line) => `${line}\r\n`).join(''))], outcome: ALPHA },
  {
    title: 'lines that come in pieces',
    steps: [{ does: 'write', text: GOOD.map((line) => `${line}\n`).join(''), pieceLength: 5 }],
    outcome: ALPHA,
  },
  {
    title: 'methods in another order than asked for, and one that failed',
    settings: { transports: ['alpha', 'beta', 'gamma'] },
    steps: [write(VERSION, 'CMETHOD gamma socks5 127.0.0.1:{other}', 'CMETHOD-ERROR beta no such thing', METHOD, DONE)],
    outcome: { methods: { alpha: {}, gamma: { port: 'other' } } },
  },
  {
    title: 'a method that nobody asked for',
    steps: [write(VERSION, 'CMETHOD delta socks5 127.0.0.1:{port}', METHOD, DONE)],
    outcome: ALPHA,
  },
  {
    title: 'one method that failed, told on standard error as version 3.0 has it',
    settings: { ...FAMILY_3, transports: ['alpha', 'beta'] },
    steps: [write('VERSION 3.0'), complain('CMETHOD-ERROR beta no such thing'), write(METHOD), pause(100), write(DONE)],
    outcome: ALPHA,
  },
  {
    title: 'lines that are none of the grammar, and others that only begin like it',
    steps: [
      write(
        '',
        'hello',
        'VERSIONS 9',
        'CMETHODIST alpha',
        'cmethod alpha socks5 10.0.0.1:0',
        ' CMETHODS DONE',
        'PROXY',
      ),
      write(VERSION, 'CMETHODS', 'CMETHODS DONE SOON', 'CMETHOD-ERRORS beta', METHOD, 'SMETHODIST', DONE),
    ],
    outcome: ALPHA,
  },
  {
    title: 'NULs and bytes that are no UTF-8',
    steps: [
      raw('\0\0\0\n\xff\xfe\x80VERSION 9\n'),
      write(VERSION),
      raw('CMETHOD\0alpha\0\n\xc3\n'),
      write(METHOD, DONE),
    ],
    outcome: ALPHA,
  },
  {
    title: 'a line of 10 MiB',
    steps: [write(VERSION), { does: 'flood', text: 'x'.repeat(64 * 1024), count: 160 }, raw('\n'), write(METHOD, DONE)],
    outcome: ALPHA,
  },
  {
    title: '10 MiB on standard error without a line end',
    steps: [
      { does: 'flood', text: 'x'.repeat(64 * 1024), count: (10 * MIB) / (64 * 1024), stream: 'stderr' },
      write(...GOOD),
    ],
    outcome: ALPHA,
  },
  {
    title: 'a flood on standard output, before and after its methods',
    steps: [
      { does: 'flood', text: LOG_LINE.repeat(100), count: 500 },
      write(...GOOD),
      { does: 'flood', text: LOG_LINE.repeat(100), count: 500 },
    ],
    outcome: ALPHA,
  },
  {
    title: 'a child that writes LOG lines for ever, and must be stopped',
    steps: [write(...GOOD), { does: 'flood', text: LOG_LINE.repeat(1_000) }],
    stubborn: true,
    outcome: ALPHA,
  },
  {
    title: 'a child that writes empty lines for ever, and must be stopped',
    steps: [write(...GOOD), { does: 'flood', text: '\n'.repeat(16 * 1024) }],
    stubborn: true,
    outcome: ALPHA,
  },
  {
    title: 'LOG and STATUS lines of every sort',
    steps: [
      write(
        VERSION,
        String.raw`LOG SEVERITY=notice MESSAGE="\101 \x41 \t \" \\ \377"`,
        'LOG SEVERITY=Notice MESSAGE=bare',
      ),
      write(
        'LOG MESSAGE="unclosed',
        'LOG',
        'LOG WARN in the words of version 3.0',
        'STATUS',
        'STATUS TRANSPORT',
        METHOD,
      ),
      write('STATUS TRANSPORT=alpha CONNECT=Success', 'STATUS TYPE=version VERSION="1', DONE),
    ],
    outcome: ALPHA,
  },
  {
    title: 'more lines of the start after its end',
    steps: [
      write(
        ...GOOD,
        'VERSION 9',
        'CMETHOD alpha socks5 10.0.0.1:1',
        'CMETHOD-ERROR alpha late',
        DONE,
        'ENV-ERROR late',
      ),
    ],
    outcome: ALPHA,
  },
  {
    title: 'a proxy that was asked for and is confirmed',
    settings: { proxy: PROXY },
    steps: [write(VERSION, 'PROXY DONE', METHOD, DONE)],
    outcome: ALPHA,
  },
  {
    title: 'a proxy that is confirmed unasked',
    steps: [write(VERSION, 'PROXY DONE', METHOD, DONE)],
    outcome: ALPHA,
  },
  {
    title: 'a child that ends neither with its input nor at SIGTERM',
    steps: [write(...GOOD)],
    stubborn: true,
    outcome: ALPHA,
  },
]

const refused = (title: string, steps: readonly Step[], more: Partial<Scenario> = {}): Scenario => ({
  title,
  steps,
  outcome: 'refused',
  ...more,
})

const SILENT = { silent: true } as const
const PROXIED = { settings: { proxy: PROXY } } as const

/** Addresses that no client may have. */
const NO_ADDRESSES = {
  'another machine': '192.0.2.1:1080',
  'another machine of IPv6': '[2001:db8::1]:1080',
  'another machine, spelled as IPv6': '[::ffff:10.0.0.1]:1080',
  'every address': '0.0.0.0:1080',
  'a name': 'localhost:1080',
  'port 0': '127.0.0.1:0',
  'a port past the last': '127.0.0.1:65536',
  'no port': '127.0.0.1',
  'IPv6 without brackets': '::1:1080',
} as const

/** Children that are of no use: a launch must reject, and leave nothing. */
const REFUSED: readonly Scenario[] = [
  refused('a child that dies without a word', [exit(1)]),
  refused('a child that ends with 0 without a word', [exit(0)]),
  refused('a child that dies between its methods and their end', [write(VERSION, METHOD), exit(1)]),
  refused('a child that dies in the middle of its last line', [raw(`${VERSION}\n${METHOD}\nCMETHODS DO`), exit(1)]),
  refused('a child that dies and leaves its pipes to another', [write(VERSION), { does: 'leave a heir' }, exit(1)]),
  refused('a child that says nothing', [], SILENT),
  refused('a child that never ends its methods', [write(VERSION, METHOD)], SILENT),
  refused('a child whose last line has no end', [raw(GOOD.join('\n'))], SILENT),
  refused('a child that says nothing and does not end when it is asked to', [], { ...SILENT, stubborn: true }),
  refused('a child that fails, says so and stays', [write('ENV-ERROR no')], { stubborn: true }),
  refused('a version that was not offered', [write('VERSION 9', METHOD, DONE)]),
  refused('a version where another was offered', [write(...GOOD)], { settings: FAMILY_3 }),
  refused('methods without a version', [write(METHOD, DONE)]),
  refused('ENV-ERROR', [write('ENV-ERROR no')]),
  refused('ENV-ERROR on standard error', [complain('ENV-ERROR no')], { settings: FAMILY_3 }),
  refused('VERSION-ERROR', [write('VERSION-ERROR no-version')]),
  refused('VERSION-ERROR on standard error', [complain('VERSION-ERROR no-version')], { settings: FAMILY_3 }),
  refused('PROXY-ERROR', [write(VERSION, 'PROXY-ERROR no', METHOD, DONE)], PROXIED),
  refused('a proxy that was asked for and is not confirmed', [write(...GOOD)], PROXIED),
  refused(
    'a proxy that is confirmed on standard error alone',
    [complain('PROXY DONE'), pause(100), write(...GOOD)],
    PROXIED,
  ),
  refused('a proxy that is confirmed before the version', [write('PROXY DONE', ...GOOD)], PROXIED),
  refused('a proxy that is confirmed after the end of the methods', [write(...GOOD, 'PROXY DONE')], PROXIED),
  refused('two versions', [write(VERSION, ...GOOD)]),
  refused('no method at all', [write(VERSION, DONE)]),
  refused('nothing but a method that failed', [write(VERSION, 'CMETHOD-ERROR alpha no', DONE)]),
  refused('the end of the methods of the other role', [write(VERSION, METHOD, 'SMETHODS DONE')], SILENT),
  refused('a method with two addresses', [write(VERSION, METHOD, 'CMETHOD alpha socks5 127.0.0.1:9', DONE)]),
  refused('a method that has failed before', [write(VERSION, 'CMETHOD-ERROR alpha no', METHOD, DONE)]),
  refused('a method that fails afterwards', [write(VERSION, METHOD, 'CMETHOD-ERROR alpha no', DONE)]),
  refused(
    "a server's method with two addresses",
    [write(VERSION, 'SMETHOD alpha 127.0.0.1:{port}', 'SMETHOD alpha 127.0.0.1:{other}', 'SMETHODS DONE')],
    { settings: SERVER },
  ),
  refused('a method without an address', [write(VERSION, 'CMETHOD alpha socks5', DONE)]),
  refused("a server's method on port 0", [write(VERSION, 'SMETHOD alpha 127.0.0.1:0', 'SMETHODS DONE')], {
    settings: SERVER,
  }),
  refused(
    'a server on another port than it was told',
    [write(VERSION, 'SMETHOD alpha 127.0.0.1:{port}', 'SMETHODS DONE')],
    {
      settings: { role: 'server', bind: { alpha: { host: '127.0.0.1', port: 9 } } },
    },
  ),
  refused(
    'a server on another address than it was told',
    [write(VERSION, 'SMETHOD alpha 0.0.0.0:{port}', 'SMETHODS DONE')],
    {
      settings: { role: 'server', bind: { alpha: { host: '127.0.0.1', port: 0 } } },
    },
  ),
  ...Object.entries(NO_ADDRESSES).map(([what, address]) =>
    refused(`a client's method on ${what}`, [write(VERSION, `CMETHOD alpha socks5 ${address}`, DONE)]),
  ),
]

/** Every scripted child of the suite, and what a host must make of it. */
export const SCENARIOS: readonly Scenario[] = [...TOLERATED, ...REFUSED]
