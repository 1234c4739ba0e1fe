/** Server-side printing: objects as a `meta.k8s.io/v1` Table with the columns of their definition. Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { ListMeta } from '../../../shared/api/meta-v1.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import { toPartialMetadata } from './partial-metadata.ts'

export interface TableColumn { name: string; type: string; format: string; description: string; priority: number }
export interface TableRow { cells: (string | number | boolean | null)[]; object?: unknown }
export interface Table {
  kind: 'Table'
  apiVersion: string
  metadata: ListMeta
  /** Null where the client has them already (later events of a watch). */
  columnDefinitions: TableColumn[] | null
  rows: TableRow[]
}

export interface TableOptions {
  /** Wall clock, milliseconds: ages are counted from it. */
  readonly now: number
  /** What each row carries beside its cells. */
  readonly includeObject: 'None' | 'Metadata' | 'Object'
  readonly listMeta: ListMeta
  /** Leave out the column definitions. */
  readonly noHeaders?: boolean
  /** `v1` unless the client asked for `v1beta1`. */
  readonly version?: 'v1' | 'v1beta1'
}

export function toTable(definition: Pick<ResourceDefinition, 'columns'>, objects: readonly KubeObject[], options: TableOptions): Table {
  const apiVersion = `meta.k8s.io/${options.version ?? 'v1'}`
  const rows = objects.map((object): TableRow => {
    const cells = definition.columns.map((c) => c.value(object, options))
    if (options.includeObject === 'None') return { cells, object: null }
    return { cells, object: options.includeObject === 'Object' ? object : { ...toPartialMetadata(object), apiVersion } }
  })
  return { kind: 'Table', apiVersion, metadata: options.listMeta, columnDefinitions: options.noHeaders ? null : headers(definition), rows }
}

const headers = (definition: Pick<ResourceDefinition, 'columns'>): TableColumn[] =>
  definition.columns.map(({ name, type, format, description, priority }) => ({ name, type, format: format ?? '', description, priority }))
