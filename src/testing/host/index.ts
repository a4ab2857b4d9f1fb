import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { nodeRunner } from '../conformance/node-runner.ts'
import type { Runner } from '../conformance/subject.ts'
import { withInheritedVariables } from './inherited-variables.ts'
import { assertMethods, assertUsable, assertVariables } from './judgement.ts'
import { SCENARIOS, type Scenario } from './scenarios.ts'
import type { Notes, Play } from './script.ts'
import type { HostedProcess, HostLaunch, HostSubject } from './subject.ts'

/** As built: the children are plain Node. */
const CHILD = fileURLToPath(new URL('./scripted-child.js', import.meta.url))
const PATIENCE_MS = 15_000
/** For children that say what they have to say. */
const START_LIMIT_MS = 10_000
/** For children that never do. */
const SILENT_START_LIMIT_MS = 1_000
const STOP_LIMIT_MS = 300
const POLL_MS = 20

/**
 * Defines a test for each scripted child that a host must put up with or refuse: that it does, in time, hands on none of its own TOR_PT_
 * variables, tells the child what it was asked for and its caller what the child told, and leaves no process. Children are processes of this
 * Node; files are temporary. While a test runs, this process has TOR_PT_ variables in its environment. `runner` takes the place of node:test.
 */
export function runHostConformance(subject: HostSubject, runner: Runner = nodeRunner): void {
  const verb = (scenario: Scenario): string => (scenario.outcome === 'refused' ? 'refuses' : 'copes with')
  runner.describe(`conformance of ${subject.name ?? 'the host'}`, () => {
    for (const scenario of SCENARIOS)
      runner.it(`${verb(scenario)} ${scenario.title}`, () => withDirectory((path) => play(scenario, subject, path)))
    runner.it('refuses a command that is not there', () =>
      withDirectory(async (directory) => {
        const options = { ...toLaunch({ title: '', steps: [], outcome: 'refused' }, directory), args: [] }
        const hosted = subject.launch({ ...options, command: join(directory, 'missing') })
        await assert.rejects(inTime(hosted, subject, 'a refusal'))
      }),
    )
  })
}

async function play(scenario: Scenario, subject: HostSubject, directory: string): Promise<void> {
  const options = toLaunch(scenario, directory)
  try {
    const outcome = await withInheritedVariables(() =>
      inTime(settled(subject.launch(options)), subject, 'methods or a refusal'),
    )
    if (outcome instanceof Error) assert.equal('refused', scenario.outcome, `it was refused: ${outcome.message}`)
    else await judge(outcome, scenario, { directory, subject })
    const { variables } = await readNotes(directory)
    assertVariables(variables, options)
    await untilGone(directory, subject)
  } finally {
    await endChild(directory)
  }
}

/** Holds the methods against the script's, uses a client's, and stops the process. */
async function judge(
  hosted: HostedProcess,
  { outcome, settings }: Scenario,
  { directory, subject }: { readonly directory: string; readonly subject: HostSubject },
): Promise<void> {
  const methods = new Map(hosted.methods)
  try {
    assert.notEqual(outcome, 'refused', `it was taken, with ${[...methods.keys()].join(', ')}`)
    if (outcome === 'refused') return
    assertMethods(methods, outcome.methods, await readNotes(directory))
    if (settings?.role !== 'server') await inTime(assertUsable(methods), subject, 'an answer of a method')
  } finally {
    await inTime(Promise.resolve(hosted.stop()), subject, 'the end of the stop')
  }
}

function toLaunch({ settings, silent, ...script }: Scenario, stateDir: string): HostLaunch {
  const { steps, stubborn = false } = script
  const role = settings?.role ?? 'client'
  const parameters: Play = { steps, stubborn, notes: join(stateDir, 'notes.json') }
  return {
    command: process.execPath,
    args: [CHILD, JSON.stringify(parameters)],
    transports: ['alpha'],
    stateDir,
    versions: ['1'],
    startTimeoutMs: silent === true ? SILENT_START_LIMIT_MS : START_LIMIT_MS,
    stopTimeoutMs: STOP_LIMIT_MS,
    restart: false,
    ...(role === 'server' && settings?.extendedOrPort === undefined && { orPort: { host: '127.0.0.1', port: 9 } }),
    ...settings,
    role,
  }
}

function settled(launched: Promise<HostedProcess>): Promise<HostedProcess | Error> {
  return launched.catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
}

async function inTime<Value>(
  promise: Promise<Value>,
  { patienceMs = PATIENCE_MS }: HostSubject,
  what: string,
): Promise<Value> {
  const settledOrNot = new AbortController()
  const late = delay(patienceMs, undefined, { signal: settledOrNot.signal }).then(() => {
    throw new Error(`${what} did not come within ${patienceMs} ms`)
  })
  late.catch(() => {})
  try {
    return await Promise.race([promise, late])
  } finally {
    settledOrNot.abort()
  }
}

async function readNotes(directory: string): Promise<Notes> {
  const text = await readFile(join(directory, 'notes.json'), 'utf8').catch(() => assert.fail('no child was started'))
  return JSON.parse(text) as Notes
}

/** A child may be gone a moment after its pipes. */
async function untilGone(directory: string, { patienceMs = PATIENCE_MS }: HostSubject): Promise<void> {
  const { pid } = await readNotes(directory)
  const deadline = Date.now() + patienceMs
  while (isAlive(pid)) {
    assert.ok(Date.now() < deadline, 'the child is still there')
    await delay(POLL_MS)
  }
}

async function endChild(directory: string): Promise<void> {
  const notes = await readNotes(directory).catch(() => undefined)
  if (notes !== undefined && isAlive(notes.pid)) process.kill(notes.pid, 'SIGKILL')
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function withDirectory(use: (path: string) => Promise<void>): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'pt-host-'))
  try {
    await use(path)
  } finally {
    await rm(path, { recursive: true, force: true })
  }
}
