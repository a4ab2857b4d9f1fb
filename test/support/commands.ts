import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Says whether a command is found on the path. */
export function hasCommand(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, command), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
