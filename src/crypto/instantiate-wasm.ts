/** What we use of the WebAssembly namespace, which neither TypeScript's es2023 nor Node's types declare. */
interface WebAssemblyNamespace {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

/**
 * Compiles and instantiates an embedded module without imports, synchronously, from its base64 text.
 * Returns its exports, which the caller states the type of, or undefined where the platform has no WebAssembly or not the features the module needs.
 */
export function instantiateWasm(base64: string): unknown {
  const { WebAssembly } = globalThis as { WebAssembly?: WebAssemblyNamespace }
  if (WebAssembly === undefined) return undefined
  try {
    const module = new WebAssembly.Module(Buffer.from(base64, 'base64'))
    return new WebAssembly.Instance(module).exports
  } catch {
    return undefined
  }
}
