import { type ChildHandlers, NO_CHILD, type PtChild, type StartChild } from './child.ts'

/** Makes a StartChild that keeps its promise whatever the caller's does: what it throws, or what it returns that is no child, is the child's exit. */
export function guardStart(startChild: StartChild): StartChild {
  return (setup, handlers) => {
    try {
      const child: unknown = startChild(setup, handlers)
      if (isChild(child)) return child
      return exitBy(new TypeError('startChild() has returned no child'), handlers)
    } catch (error) {
      return exitBy(error instanceof Error ? error : new TypeError('startChild() has thrown no error'), handlers)
    }
  }
}

function exitBy(error: Error, { onExit }: ChildHandlers): PtChild {
  queueMicrotask(() => onExit({ code: null, signal: null, error }))
  return NO_CHILD
}

const STEPS = ['closeInput', 'terminate', 'kill'] as const satisfies readonly (keyof PtChild)[]

function isChild(value: unknown): value is PtChild {
  return (
    typeof value === 'object' && value !== null && STEPS.every((step) => typeof Reflect.get(value, step) === 'function')
  )
}
