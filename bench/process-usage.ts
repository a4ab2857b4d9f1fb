import { readFileSync } from 'node:fs'

/** Linux counts CPU time for user space in hundredths of a second, on every architecture. */
const MS_PER_TICK = 10

/** CPU that a process has used so far, in ms: user and system, all its threads. From /proc, so Linux only. */
export function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The name, in brackets, may hold spaces; state is the first field after it, utime the 12th, stime the 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK
}

/** Resident memory of a process in bytes, now and at its highest so far. From /proc, so Linux only. */
export function residentMemory(pid: number): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s*(\\d+) kB$`, 'm').exec(status)![1]) * 1024
  return { now: field('VmRSS'), peak: field('VmHWM') }
}
