import { acquireProcessLock } from '../../../src/platform/process-lock.ts'

// A process that tries to take the lock its argument names, says how that went, and holds it until its input ends or it is killed.
process.stdin.once('data', () => {
  acquireProcessLock(process.argv[2]!).then(
    (lock) => {
      process.stdout.write('held\n')
      process.stdin.once('end', () => void lock.release())
    },
    (error: Error) => {
      process.stdout.write(`${error.message}\n`)
      process.stdin.destroy()
    },
  )
})
process.stdout.write('ready\n')
