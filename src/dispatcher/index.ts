export type { Dispatcher, DispatcherParameters } from './dispatcher.ts'
export { runDispatcher } from './run-dispatcher.ts'
