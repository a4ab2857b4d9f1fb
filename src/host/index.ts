export type { ChildExit, ChildHandlers, ChildSetup, PtChild, StartChild } from './child.ts'
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
