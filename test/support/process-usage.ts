import { readFileSync, readdirSync } from 'node:fs'
import type { ManagedProcess } from './managed-process.ts'
import { poll } from './poll.ts'

const PAGE_LENGTH = 4096

/** Whether to skip what looks into /proc, and why. */
export const skipWithoutProc: string | false = process.platform !== 'linux' && 'looks into /proc, which Linux has'

/** Counts the open descriptors of a process, its sockets among them. */
export function descriptorCount({ child }: ManagedProcess): number {
  return readdirSync(`/proc/${child.pid}/fd`).length
}

/** Returns the resident memory of a process, in bytes. */
export function residentLength({ child }: ManagedProcess): number {
  return Number(readFileSync(`/proc/${child.pid}/statm`, 'utf8').split(' ')[1]) * PAGE_LENGTH
}

/** Waits until a process has no more descriptors than it had. */
export async function returnsTo(child: ManagedProcess, count: number, limitMs = 15_000): Promise<void> {
  await poll(
    `${count} descriptors of ${child.child.pid}`,
    limitMs,
    async () => descriptorCount(child) <= count || undefined,
  )
}
