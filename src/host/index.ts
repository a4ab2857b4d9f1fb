export type { ChildExit, ChildHandlers, ChildSetup, PtChild, StartChild } from './child.ts'
export { launch } from './launch.ts'
export type { LaunchOptions, PtConfiguration, Supervision } from './launch-options.ts'
export type {
  ClientMethod,
  LogEntry,
  Method,
  PtExit,
  PtProcess,
  PtProcessEvents,
  ServerMethod,
  StatusEntry,
} from './pt-process.ts'
export { inProcess, startInProcess } from './in-process.ts'
export type { InProcessOptions, InProcessSettings } from './in-process.ts'
export { runInThread, startThread } from './thread.ts'
export type { ThreadOptions, ThreadSettings } from './thread.ts'
export { supervise } from './supervisor.ts'
export { hostTransport } from './host-transport.ts'
export type { HostTransport, HostTransportSettings, HostTransportSpec } from './host-transport.ts'
export type { Admission } from './listener-child.ts'
export type { DescribedClient } from '../proxy/extended-orport-server.ts'
