// The program of a child that plays a script, whoever starts it. It ends by itself in the end: nobody may be left with it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import process from 'node:process'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import type { Notes, Play, Step } from './script.ts'

type Ports = NonNullable<Notes['ports']>

const LIFETIME_MS = 60_000
const PIECE_PAUSE_MS = 2
const HEIR_LIFETIME_MS = 5_000

const play = JSON.parse(process.argv[2]!) as Play
const { pid, env } = process
const variables = Object.entries(env).flatMap(([name, value = '']) => (/^TOR_PT_/i.test(name) ? [[name, value]] : []))

function note(ports?: Ports): void {
  const notes: Notes = { pid, variables: Object.fromEntries(variables), ...(ports !== undefined && { ports }) }
  writeFileSync(`${play.notes}.new`, JSON.stringify(notes))
  renameSync(`${play.notes}.new`, play.notes)
}

note()
setTimeout(() => process.exit(1), LIFETIME_MS)
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
const end = (): void => {
  if (play.stubborn !== true) process.exit(0)
}
process.on('SIGTERM', end)
process.stdin.on('error', end).on('end', end).on('close', end).resume()

void perform()

async function perform(): Promise<void> {
  const ports = { port: await listen(), other: await listen() }
  note(ports)
  for (const step of play.steps) await take(step, ports)
}

async function listen(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

function fill(text: string, { port, other }: Ports): string {
  return text.replaceAll('{port}', String(port)).replaceAll('{other}', String(other))
}

async function take(step: Step, ports: Ports): Promise<void> {
  switch (step.does) {
    case 'write':
      return writePieces(fill(step.text, ports), step)
    case 'flood': {
      const text = fill(step.text, ports)
      for (let count = 0; count < (step.count ?? Infinity); count++) {
        await write(text, step.stream)
        // Writing to a pipe may block and never leave a turn to anything else.
        await turn()
      }
      return
    }
    case 'pause':
      await delay(step.ms)
      return
    case 'leave a heir':
      spawn(process.execPath, ['-e', `setTimeout(() => {}, ${HEIR_LIFETIME_MS})`], {
        stdio: ['ignore', 'inherit', 'inherit'],
      }).unref()
      return
    case 'exit':
      process.exit(step.code)
  }
}

async function writePieces(text: string, { stream, pieceLength }: Step & { does: 'write' }): Promise<void> {
  const length = pieceLength ?? text.length
  for (let at = 0; at < text.length; at += length) {
    if (at > 0) await delay(PIECE_PAUSE_MS)
    await write(text.slice(at, at + length), stream)
  }
}

function write(text: string, stream: 'stdout' | 'stderr' = 'stdout'): Promise<void> {
  return new Promise((resolve) => {
    process[stream].write(text, 'latin1', () => resolve())
  })
}
