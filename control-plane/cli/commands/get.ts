/** `bramble get TYPE[,TYPE...] [NAME]`: the server's own tables, or the objects. */
import { stringify } from 'yaml'
import type { Connection } from '../connection.ts'
import { pathOf, resourceNamed } from '../resource-names.ts'

export interface GetOptions { readonly namespace?: string; readonly allNamespaces?: boolean; readonly output?: string; readonly selector?: string }

interface Table { columnDefinitions: { name: string; priority: number }[]; rows: { cells: unknown[]; object?: { metadata?: { namespace?: string } } }[] }
const asTable = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json'

/** Columns padded to their widest cell, three spaces apart, as kubectl does. */
export function layOut(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((r) => (r[i] ?? '').length)))
  return rows.map((r) => `${r.map((cell, i) => (i === r.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + 3))).join('').trimEnd()}\n`).join('')
}

function printed(table: Table, options: { wide: boolean; namespaces: boolean; prefix: string }): string {
  const shown = table.columnDefinitions.map((c, i) => [c, i] as const).filter(([c]) => c.priority === 0 || options.wide)
  const head = [...(options.namespaces ? ['NAMESPACE'] : []), ...shown.map(([c]) => c.name.toUpperCase())]
  return layOut([head, ...table.rows.map((r) => [
    ...(options.namespaces ? [r.object?.metadata?.namespace ?? ''] : []), ...shown.map(([, i]) => (i === 0 ? options.prefix : '') + String(r.cells[i] ?? '<none>')),
  ])])
}

export async function get(connection: Connection, types: string, name: string | undefined, options: GetOptions, print: (text: string) => void): Promise<void> {
  const names = types.split(',').filter(Boolean)
  const output = options.output ?? ''
  if (!['', 'wide', 'json', 'yaml', 'name'].includes(output)) throw new Error(`-o ${output}: wide, json, yaml or name`)
  let first = true
  for (const typed of names) {
    const resource = await resourceNamed(connection, typed)
    const namespace = options.allNamespaces ? undefined : options.namespace ?? connection.namespace
    const query = options.selector && name === undefined ? `?labelSelector=${encodeURIComponent(options.selector)}` : ''
    const path = pathOf(resource, namespace, name) + query
    if (output === 'json' || output === 'yaml') {
      const object = await connection.call<object>('GET', path)
      print(output === 'json' ? `${JSON.stringify(object, null, 2)}\n` : stringify(object))
    } else if (output === 'name') {
      const answer = await connection.call<{ items?: { metadata: { name: string } }[]; metadata: { name?: string } }>('GET', path)
      for (const item of answer.items ?? [answer]) print(`${resource.resource}/${item.metadata.name ?? ''}\n`)
    } else {
      const table = await connection.call<Table>('GET', path, { accept: asTable })
      if (table.rows.length === 0 && names.length > 1) continue
      if (!first) print('\n')
      first = false
      if (table.rows.length === 0) print(`No resources found${namespace !== undefined && resource.namespaced ? ` in ${namespace} namespace` : ''}.\n`)
      else print(printed(table, { wide: output === 'wide', namespaces: namespace === undefined && resource.namespaced, prefix: names.length > 1 ? `${resource.resource}/` : '' }))
    }
  }
}
