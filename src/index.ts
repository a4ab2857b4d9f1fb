export { formatBridgeLine, parseBridgeLine } from './core/bridge-line.ts'
export type { BridgeLine, BridgeLineOverrides, BridgeListener } from './core/bridge-line.ts'
export type { Codec, Effect, Outcome, Segment, Step } from './core/codec.ts'
export { NOTHING } from './core/codec.ts'
export type { Connection } from './core/connection.ts'
export { ERROR_FACTS, PtError } from './core/errors.ts'
export type { ErrorCode, ErrorFacts } from './core/errors.ts'
export type { Listener } from './core/listener.ts'
export type { EventName, Log } from './core/log.ts'
export type { PacketFramingName } from './core/packet-framing.ts'
export type {
  AddressedPacket,
  DatagramCodec,
  PacketConnection,
  PacketConnectionEvents,
  PacketCounters,
  PacketInput,
  PacketOptions,
  PacketSendOptions,
  PacketSource,
} from './core/packets.ts'
export { defineOptions, invalidOption, missingOption } from './core/options.ts'
export type {
  OptionDefinition,
  OptionDefinitions,
  OptionSource,
  OptionsInput,
  OptionsRules,
  OptionsSchema,
  OptionValues,
  PartialOptions,
} from './core/options.ts'
export type {
  Acceptor,
  Address,
  Binder,
  BoundAddress,
  ByteStream,
  Clock,
  DatagramAddress,
  DatagramHandlers,
  Datagrams,
  DatagramSocket,
  Dialer,
  ListenAddress,
  Platform,
  SlotFile,
  StateDirectory,
  Store,
  TcpAddress,
  Timer,
  Tls,
  TlsClientSettings,
  UdpAddress,
} from './core/platform.ts'
export { createRegistry } from './core/registry.ts'
export type { Registry } from './core/registry.ts'
export type {
  Arguments,
  ClientFactory,
  ClientProtocol,
  ConnectOptions,
  Deliver,
  Destination,
  Environment,
  FactorySettings,
  Front,
  ListenOptions,
  Logger,
  PeerAddress,
  ServerFactory,
  ServerProtocol,
  ServerSession,
  Transport,
} from './core/transport.ts'
export type { Site, UpgradeHandlers, Web, WebHandler, WebHost, WebServer, WebSettings } from './core/web.ts'
export { defineTransport } from './platform/define-transport.ts'
export type { TransportDefinition } from './platform/define-transport.ts'
export { systemPlatform } from './platform/index.ts'
export { builtInTransports } from './transports/index.ts'
export type { Random } from './util/random.ts'
