/** Takes port and arguments out of an SMETHOD line. */
export function parseServerMethod(line: string): {
  readonly port: number
  readonly clientArguments: Readonly<Record<string, string>>
} {
  const [, , address, args = 'ARGS:'] = line.split(' ')
  const pairs = args.slice('ARGS:'.length).split(',')
  return {
    port: portOf(address!),
    clientArguments: Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)] as const),
    ),
  }
}

/** Takes the port out of `host:port`. */
export function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(':') + 1))
}
