/** A transport as the benches run it. `server` and `client` are options by wire name; what the listener's clientArguments add goes to the client, too. */
export interface BenchedTransport {
  readonly name: string
  /** Where the built package offers it under its name. */
  readonly module: string
  readonly server: Readonly<Record<string, string>>
  readonly client: Readonly<Record<string, string>>
}

export const OBFS4: BenchedTransport = { name: 'obfs4', module: 'pluggable-transports/obfs4', server: {}, client: {} }

/** Every transport that is measured beside obfs4, the first. */
export const TRANSPORTS: readonly BenchedTransport[] = [OBFS4]
