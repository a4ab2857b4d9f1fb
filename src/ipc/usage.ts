import { FLAGS, OUTBOUND_VARIABLES, flagShape } from './settings.ts'

const INDENT = '  '
const DESCRIPTION_INDENT = '      '

/** Formats the usage text: every flag with what it takes and the variable of the environment that it replaces. */
export function formatUsage(program: string): string {
  return [
    `Usage: ${program} [-client | -server] -transports name,name [flags]`,
    '',
    'Provides pluggable transports to the program that starts it, which reads lines from standard output.',
    'Flags have one dash or two, and a value after a space or "="; switches may have =true or =false.',
    'A flag wins over the variable of the environment beside it; an empty variable counts as absent.',
    '',
    ...Object.keys(FLAGS).flatMap(formatFlag),
    '',
    'Variables without a flag:',
    `${INDENT}${OUTBOUND_VARIABLES.v4}`,
    `${DESCRIPTION_INDENT}source address of outgoing IPv4 connections; not used towards loopback`,
    `${INDENT}${OUTBOUND_VARIABLES.v6}`,
    `${DESCRIPTION_INDENT}the same for IPv6, in brackets`,
    '',
    'As a plugin of shadowsocks (SIP003), where SS_REMOTE_HOST is set and no flag names a transport or a role:',
    `${INDENT}SS_REMOTE_HOST, SS_REMOTE_PORT, SS_LOCAL_HOST, SS_LOCAL_PORT`,
    `${DESCRIPTION_INDENT}set by ss-local and ss-server`,
    `${INDENT}SS_PLUGIN_OPTIONS`,
    `${DESCRIPTION_INDENT}server;transport=name;state=directory;loglevel=level;unsafelogging, then the transport's own options`,
    '',
  ].join('\n')
}

function formatFlag(name: string): string[] {
  const { value, variable, description } = flagShape(name)!
  const head = value === undefined ? `-${name}` : `-${name} ${value}`
  const beside = variable === undefined ? head : `${head}    ${variable}`
  return [`${INDENT}${beside}`, `${DESCRIPTION_INDENT}${description}`]
}
