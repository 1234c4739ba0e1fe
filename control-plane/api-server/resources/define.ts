/** Fills in what every resource definition has in common. Pure. */
import type { KubeObject } from '../../../shared/api/object.ts'
import { since } from '../../../shared/values/duration.ts'
import type { Column, ResourceDefinition, Strategy } from './definition.ts'
import { validateObjectMeta, validateObjectMetaUpdate } from './object-meta.ts'

export const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const

type Given<T extends KubeObject> = Omit<ResourceDefinition<T>, 'singular' | 'listKind' | 'shortNames' | 'categories' | 'verbs' | 'durability' | 'subresources' | 'columns' | 'strategy'>
  & Partial<Pick<ResourceDefinition<T>, 'shortNames' | 'categories' | 'durability' | 'subresources' | 'columns' | 'strategy'>>

/** A definition of kind T with the rules of object metadata before its own; usable where any definition is: the registry hands each function objects of its own kind only. */
export function define<T extends KubeObject>(given: Given<T>): ResourceDefinition {
  const own: Strategy<T> = given.strategy ?? {}
  const rules = { namespaced: given.namespaced, validateName: own.validateName }
  const strategy: Strategy<T> = {
    ...own,
    // A status write carries the stored spec and labels, which were judged when they were written.
    validate: (object, context) => (context.subresource === 'status' ? [] : [...validateObjectMeta(object.metadata, rules), ...(own.validate?.(object, context) ?? [])]),
    validateUpdate: (object, old, context) => [...validateObjectMetaUpdate(object.metadata, old.metadata), ...(own.validateUpdate?.(object, old, context) ?? [])],
  }
  return {
    singular: given.kind.toLowerCase(), listKind: `${given.kind}List`, shortNames: [], categories: [], verbs: allVerbs, durability: 'durable', subresources: {},
    columns: [nameColumn, ageColumn], ...given, strategy,
  } as unknown as ResourceDefinition
}

export const nameColumn: Column<KubeObject> = {
  name: 'Name', type: 'string', format: 'name', priority: 0,
  description: 'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names',
  value: (object) => object.metadata?.name ?? '',
}
export const ageColumn: Column<KubeObject> = {
  name: 'Age', type: 'string', priority: 0,
  description: 'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
  value: (object, { now }) => since(object.metadata?.creationTimestamp, now),
}

/** Of kinds without columns of their own: when they were made, which kubectl prints as it is. */
export const createdColumn: Column<KubeObject> = { name: 'Created At', type: 'date', priority: 0, description: ageColumn.description, value: (o) => o.metadata?.creationTimestamp ?? null }

/** A column without a description worth repeating. */
export const column = <T extends KubeObject>(name: string, value: Column<T>['value'], options: { type?: Column<T>['type']; wide?: true; description?: string; format?: 'name' } = {}): Column<T> =>
  ({ name, type: options.type ?? 'string', priority: options.wide ? 1 : 0, description: options.description ?? '', value, ...(options.format ? { format: options.format } : {}) })
