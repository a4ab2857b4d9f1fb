export type {
  ApplicationServer,
  ClientConfig,
  CommonConfig,
  DispatcherConfig,
  IpcLogLevel,
  LogFileLevel,
  OutboundAddresses,
  ProxyMode,
  RequestedServerTransport,
  RequestedTransport,
  ServerConfig,
} from '../ipc/config.ts'
export { readAskedText } from '../ipc/asked-text.ts'
export { FAILURE_EXIT_CODES, IpcFailure } from '../ipc/failure.ts'
export type { IpcFailureKind } from '../ipc/failure.ts'
export type { LineSink } from '../ipc/line-sink.ts'
export { LineWriter, writeFailure } from '../ipc/line-writer.ts'
export type { LineWriterOptions } from '../ipc/line-writer.ts'
export { readDispatcherConfig } from '../ipc/read-config.ts'
export type { ConfigSources } from '../ipc/read-config.ts'
export { chooseInterface, readPluginConfig } from '../ipc/sip003.ts'
export type { PluginConfig, Problem } from '../ipc/sip003.ts'
export { formatPluginOptions, parsePluginOptions } from '../ipc/sip003-options.ts'
export type { PluginOptions } from '../ipc/sip003-options.ts'
export { formatUsage } from '../ipc/usage.ts'
export type { IpcFamily, IpcVersion, IpcVersionNumber } from '../ipc/version.ts'
export { readSmallFileSync } from '../platform/small-file.ts'
export { makeStateDirectorySync } from '../platform/state-directory.ts'
export type { Dispatcher, DispatcherParameters } from './dispatcher.ts'
export { relayToTargets } from './relay-to-targets.ts'
export type { TargetRelayOptions } from './relay-to-targets.ts'
export { runDispatcher } from './run-dispatcher.ts'
export { runPlugin } from './run-plugin.ts'
export type { PluginProcessParameters } from './run-plugin.ts'
export { runPtProcess } from './run-pt-process.ts'
export type { PtProcessParameters, RunningPtProcess } from './run-pt-process.ts'
