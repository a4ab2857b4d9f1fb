/** What arrives, for whoever waits for it. */
export interface ArrivalQueue<Item> {
  /** Takes the oldest, or waits for the next. */
  readonly next: () => Promise<Item>
  /** Takes every one from now on, instead of the queue. */
  readonly forEach: (handler: (item: Item) => void) => void
}

/** Makes a queue, and the function that adds to it. */
export function createArrivalQueue<Item>(): ArrivalQueue<Item> & { readonly add: (item: Item) => void } {
  const items: Item[] = []
  const waiting: ((item: Item) => void)[] = []
  let handle: ((item: Item) => void) | undefined
  return {
    add: (item) => {
      const take = handle ?? waiting.shift()
      if (take === undefined) items.push(item)
      else take(item)
    },
    next: () => {
      const item = items.shift()
      if (item !== undefined) return Promise.resolve(item)
      return new Promise((resolve) => waiting.push(resolve))
    },
    forEach: (handler) => {
      handle = handler
      for (const item of items.splice(0)) handler(item)
    },
  }
}
