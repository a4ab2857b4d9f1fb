import type { Binder, Platform } from '../core/platform.ts'

type SetRef = (ref: boolean) => void

/** What can be told whether it keeps this process alive. */
interface Handle {
  ref(): void
  unref(): void
}

/** Handles that are told so together. */
class Handles {
  readonly #all: Handle[] = []
  #ref = true

  add<Added extends Handle>(handle: Added): Added {
    this.#all.push(handle)
    if (!this.#ref) handle.unref()
    return handle
  }

  readonly setRef: SetRef = (ref) => {
    this.#ref = ref
    for (const handle of this.#all) {
      if (ref) handle.ref()
      else handle.unref()
    }
  }
}

/** Wraps a binder: setRef() says of all that it has bound, and will bind, whether it keeps this process alive; it does, from the start on. */
export function referenceBinder(binder: Binder): { readonly binder: Binder; readonly setRef: SetRef } {
  const handles = new Handles()
  return { binder: wrapBinder(binder, handles), setRef: handles.setRef }
}

/** Does the same for what a platform binds of TCP and UDP. Connections are left alone: each stands for itself. */
export function referencePlatform(platform: Platform): { readonly platform: Platform; readonly setRef: SetRef } {
  const handles = new Handles()
  const { datagrams } = platform
  const referenced: Platform = Object.freeze({
    ...platform,
    binder: wrapBinder(platform.binder, handles),
    datagrams: {
      bind: async (...args: Parameters<typeof datagrams.bind>) => handles.add(await datagrams.bind(...args)),
      connect: (...args: Parameters<typeof datagrams.connect>) => datagrams.connect(...args),
    },
  })
  return { platform: referenced, setRef: handles.setRef }
}

function wrapBinder(binder: Binder, handles: Handles): Binder {
  return { bind: async (address, handlers) => handles.add(await binder.bind(address, handlers)) }
}
