/** Manifests from files, folders and standard input. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { parseAllDocuments } from 'yaml'
import type { KubeObject } from '../../shared/api/object.ts'

export type Manifest = KubeObject & { apiVersion: string; kind: string; metadata: { name: string; namespace?: string } }

function checked(value: unknown, source: string): Manifest[] {
  if (value === null || value === undefined) return []
  const o = value as { apiVersion?: unknown; kind?: unknown; metadata?: { name?: unknown }; items?: unknown }
  if (typeof o.kind === 'string' && o.kind.endsWith('List') && Array.isArray(o.items)) return o.items.flatMap((item) => checked(item, source))
  if (typeof o.apiVersion !== 'string' || typeof o.kind !== 'string' || typeof o.metadata?.name !== 'string') throw new Error(`${source}: an object needs apiVersion, kind and metadata.name`)
  return [value as Manifest]
}

/** In file order; the files of a folder in name order. `-` is standard input. Throws with the file's name where one is not YAML or JSON. */
export async function readManifests(paths: readonly string[]): Promise<Manifest[]> {
  const files: string[] = []
  for (const path of paths) {
    if (path !== '-' && (await stat(path)).isDirectory()) files.push(...(await readdir(path)).filter((f) => /\.(ya?ml|json)$/.test(f)).toSorted().map((f) => join(path, f)))
    else files.push(path)
  }
  const manifests: Manifest[] = []
  for (const file of files) {
    const source = file === '-' ? 'standard input' : file
    for (const document of parseAllDocuments(file === '-' ? await text(process.stdin) : await readFile(file, 'utf8'))) {
      const [error] = document.errors
      if (error) throw new Error(`${source}: ${error.message}`)
      manifests.push(...checked(document.toJS(), source))
    }
  }
  if (manifests.length === 0) throw new Error('no objects to apply')
  return manifests
}
