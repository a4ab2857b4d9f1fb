import { describe as nodeDescribe, it as nodeIt } from 'node:test'
import type { Runner } from './subject.ts'

/** Defines tests with node:test. */
export const nodeRunner: Runner = {
  describe: (title, define) => void nodeDescribe(title, define),
  it: (title, test) => void nodeIt(title, test),
}
