import { isAbsolute, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { invalidOption } from '../core/options.ts'
import { type Registry, createRegistry } from '../core/registry.ts'
import type { Transport } from '../core/transport.ts'

/** Makes what import() takes of URLs, paths and package names; a relative path is from the current directory. Throws PT_OPTION_INVALID. */
export function toSpecifiers(modules: unknown): readonly string[] {
  if (!Array.isArray(modules)) throw invalidOption('modules', 'a list of URLs, paths or names of modules')
  return modules.map(toSpecifier)
}

function toSpecifier(module: unknown): string {
  if (module instanceof URL) return module.href
  if (typeof module !== 'string' || module === '') throw invalidOption('modules', 'URLs, paths or names of modules')
  return isAbsolute(module) || /^\.{1,2}[/\\]/.test(module) ? pathToFileURL(resolve(module)).href : module
}

/**
 * Imports modules and adds the transports that they export to a registry: each export that is one, or a list of them. Rejects with an Error
 * that names the module when it cannot be loaded or exports none, and with PT_TRANSPORT_DUPLICATE.
 */
export async function loadTransports(
  specifiers: readonly string[],
  registry: Registry<Transport>,
): Promise<Registry<Transport>> {
  if (specifiers.length === 0) return registry
  const lists = await Promise.all(specifiers.map(importTransports))
  return createRegistry(new Set([...registry, ...lists.flat()]))
}

async function importTransports(specifier: string): Promise<readonly Transport[]> {
  let exported: object
  try {
    exported = (await import(specifier)) as object
  } catch (cause) {
    throw new Error(`The module ${specifier} cannot be loaded: ${textOf(cause)}`, { cause })
  }
  const transports = Object.values(exported).flatMap(transportsIn)
  if (transports.length === 0) throw new Error(`The module ${specifier} exports no transport`)
  return transports
}

function transportsIn(value: unknown): readonly Transport[] {
  if (isTransport(value)) return [value]
  const isList = typeof value === 'object' && value !== null && Symbol.iterator in value
  return isList ? [...(value as Iterable<unknown>)].filter((item) => isTransport(item)) : []
}

function isTransport(value: unknown): value is Transport {
  if (typeof value !== 'object' || value === null) return false
  const { name, client, server } = value as Partial<Record<keyof Transport, unknown>>
  return typeof name === 'string' && typeof client === 'function' && typeof server === 'function'
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
