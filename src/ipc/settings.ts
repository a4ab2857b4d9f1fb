/** For whom a setting is; a flag of the other role is an error. */
export type SettingRole = 'both' | 'client' | 'server'

interface FlagShape {
  /** Of a flag with a value: what usage text calls it. Without one the flag is a switch. */
  readonly value?: string
  readonly role: SettingRole
  /** The variable of the environment that the flag replaces, whatever its value. */
  readonly variable?: string
  readonly description: string
}

/** Every flag of the IPC, without its dash, in the order of the usage text (PT 2.1 to 3.0 §1.1). */
export const FLAGS = {
  ptversion: {
    value: 'list',
    role: 'both',
    variable: 'TOR_PT_MANAGED_TRANSPORT_VER',
    description: 'versions of the IPC that the parent speaks (1, 2.0 to 2.2, 3.0); none given: 3.0',
  },
  client: {
    role: 'both',
    variable: 'TOR_PT_CLIENT_TRANSPORTS',
    description: 'run as a client; the default unless the server variable is set',
  },
  server: { role: 'both', variable: 'TOR_PT_SERVER_TRANSPORTS', description: 'run as a server' },
  transport: { value: 'name', role: 'both', variable: 'the variable of the role', description: 'the one transport' },
  transports: { value: 'names', role: 'both', variable: 'the variable of the role', description: 'several transports' },
  options: {
    value: 'options',
    role: 'both',
    variable: 'TOR_PT_SERVER_TRANSPORT_OPTIONS (server)',
    description: "the transports' options: JSON, or name:key=value;name:key=value",
  },
  optionsFile: {
    value: 'file',
    role: 'both',
    variable: 'TOR_PT_SERVER_TRANSPORT_OPTIONS (server)',
    description: 'a file that holds them',
  },
  state: {
    value: 'directory',
    role: 'both',
    variable: 'TOR_PT_STATE_LOCATION',
    description: 'the state directory; none given: the current one',
  },
  'exit-on-stdin-close': {
    role: 'both',
    variable: 'TOR_PT_EXIT_ON_STDIN_CLOSE',
    description: 'exit when standard input is closed; the variable must be 1',
  },
  'exit-on-close': {
    role: 'both',
    variable: 'TOR_PT_EXIT_ON_STDIN_CLOSE',
    description: 'the same',
  },
  mode: {
    value: 'mode',
    role: 'both',
    description: 'socks5 (the default), transparent-TCP, transparent-UDP or STUN; both ends must have the same',
  },
  transparent: { role: 'both', description: 'the same as -mode transparent-TCP; with -udp, as -mode transparent-UDP' },
  udp: { role: 'both', description: 'the same as -mode STUN' },
  udpIdleTimeout: {
    value: 'seconds',
    role: 'both',
    description: 'in the modes of UDP: when a connection without a packet ends; 120',
  },
  udpQueue: {
    value: 'packets',
    role: 'client',
    description: 'in the modes of UDP: packets kept until their connection is there; 64, and 0 drops them',
  },
  target: {
    value: 'host:port',
    role: 'both',
    variable: 'TOR_PT_ORPORT (server)',
    description: 'the application server of a server; the PT server of a client',
  },
  targethost: { value: 'host', role: 'both', variable: 'TOR_PT_ORPORT (server)', description: 'its host alone' },
  targetport: { value: 'port', role: 'both', variable: 'TOR_PT_ORPORT (server)', description: 'its port alone' },
  proxy: {
    value: 'uri',
    role: 'client',
    variable: 'TOR_PT_PROXY',
    description: 'the upstream proxy: http, socks4a, socks5',
  },
  proxylistenaddr: {
    value: 'ip:port',
    role: 'client',
    description: 'where the application is listened for; none given: 127.0.0.1, any port',
  },
  proxylistenhost: { value: 'ip', role: 'client', description: 'its address alone' },
  proxylistenport: { value: 'port', role: 'client', description: 'its port alone' },
  bindaddr: {
    value: 'name-ip:port,…',
    role: 'server',
    variable: 'TOR_PT_SERVER_BINDADDR',
    description: 'where each transport listens; none given: 0.0.0.0, any port',
  },
  bindhost: {
    value: 'ip',
    role: 'server',
    variable: 'TOR_PT_SERVER_BINDADDR',
    description: 'the address of the one transport, with -bindport and -transport',
  },
  bindport: {
    value: 'port',
    role: 'server',
    variable: 'TOR_PT_SERVER_BINDADDR',
    description: 'the port of the one transport, with -bindhost and -transport',
  },
  orport: {
    value: 'host:port',
    role: 'server',
    variable: 'TOR_PT_ORPORT',
    description: 'the application server, as -target',
  },
  extorport: {
    value: 'ip:port',
    role: 'server',
    variable: 'TOR_PT_EXTENDED_SERVER_PORT',
    description: "the application server's Extended ORPort",
  },
  authcookie: {
    value: 'file',
    role: 'server',
    variable: 'TOR_PT_AUTH_COOKIE_FILE',
    description: 'the cookie of the Extended ORPort',
  },
  ipcLogLevel: {
    value: 'level',
    role: 'both',
    description: 'LOG lines to the parent: NONE (the default), ERROR, WARN, INFO or DEBUG',
  },
  enableLogging: { role: 'both', description: 'write a log file in the state directory' },
  logLevel: { value: 'level', role: 'both', description: 'its level: ERROR (the default), WARN, INFO or DEBUG' },
  unsafeLogging: { role: 'both', description: 'leave addresses and arguments in logs' },
  version: { role: 'both', description: 'print the version and exit' },
  help: { role: 'both', description: 'print this text and exit' },
} as const satisfies Record<string, FlagShape>

export type FlagName = keyof typeof FLAGS

type ShapesWith<Shape> = {
  [Name in FlagName]: (typeof FLAGS)[Name] extends Shape ? Name : never
}[FlagName]

/** Names of the flags that carry a text. */
export type TextFlag = ShapesWith<{ readonly value: string }>
/** Names of the flags that are on or off. */
export type SwitchFlag = Exclude<FlagName, TextFlag>

/** Variables without a flag (PT 1.0 §3.2.1). */
export const OUTBOUND_VARIABLES = {
  v4: 'TOR_PT_OUTBOUND_BIND_ADDRESS_V4',
  v6: 'TOR_PT_OUTBOUND_BIND_ADDRESS_V6',
} as const

/** Finds the shape of a flag; undefined for a name that is none. */
export function flagShape(name: string): FlagShape | undefined {
  return Object.hasOwn(FLAGS, name) ? FLAGS[name as FlagName] : undefined
}
