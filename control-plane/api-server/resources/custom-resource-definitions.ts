/** `apiextensions.k8s.io/v1 CustomResourceDefinition`: `apiextensions-apiserver/pkg/registry/customresourcedefinition`. What they define is served by `custom-resources/`. */
import type { CustomResourceDefinition } from '../../../shared/api/apiextensions-v1.ts'
import { validateDns1123Subdomain } from '../../../shared/values/names.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { timestamp } from '../../../shared/values/timestamp.ts'
import { CLEANUP_FINALIZER, isTrue, setCondition } from '../custom-resources/conditions.ts'
import { validateDefinition } from '../custom-resources/definition-rules.ts'
import { column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidValue } from './findings.ts'
import { unchanged } from './object-meta.ts'
import { carryOver, startGeneration } from './spec-and-status.ts'

type Crd = CustomResourceDefinition

function setDefaults(crd: Crd): void {
  const spec = (crd.spec ??= {} as Crd['spec'])
  const names = (spec.names ??= {} as Crd['spec']['names'])
  spec.versions ??= []
  names.singular ||= (names.kind ?? '').toLowerCase()
  if (!names.listKind && names.kind) names.listKind = `${names.kind}List`
  if (!names.singular) delete names.singular
  spec.conversion ??= { strategy: 'None' }
  const { service } = spec.conversion.webhook?.clientConfig ?? {}
  if (service) service.port ??= 443
  if (!spec.preserveUnknownFields) delete spec.preserveUnknownFields
  for (const version of spec.versions) {
    version.served ??= false
    version.storage ??= false
  }
}

/** The version written now is among those that may be in the store. */
function noteStorageVersion(crd: Crd): void {
  const stored = crd.spec.versions.find((v) => v.storage)?.name
  const versions = crd.status?.storedVersions ?? []
  if (stored && !versions.includes(stored)) crd.status = { ...crd.status, storedVersions: [...versions, stored] }
}

function validateUpdate(crd: Crd, old: Crd, { subresource }: { subresource: string }): FieldError[] {
  const found: FieldError[] = []
  const names = new Set(crd.spec.versions.map((v) => v.name))
  for (const [i, version] of (crd.status?.storedVersions ?? []).entries()) {
    if (!names.has(version)) found.push(invalidValue(`status.storedVersions[${i}]`, version, subresource === 'status' ? 'must appear in spec.versions' : 'missing from spec.versions; v1 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v1 and removes v1 from status.storedVersions'.replaceAll('v1', version)))
  }
  if (subresource === 'status') return found
  if (isTrue(old, 'Established')) found.push(...unchanged('spec.scope', crd.spec.scope, old.spec.scope), ...unchanged('spec.names.kind', crd.spec.names.kind, old.spec.names.kind))
  return [...found, ...unchanged('spec.group', crd.spec.group, old.spec.group), ...unchanged('spec.names.plural', crd.spec.names.plural, old.spec.names.plural)]
}

export const customResourceDefinitions = define<Crd>({
  group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', kind: 'CustomResourceDefinition', namespaced: false, schema: 'apiextensions-v1.CustomResourceDefinition',
  shortNames: ['crd', 'crds'], categories: ['api-extensions'], subresources: { status: true }, statusDurability: 'durable',
  columns: [
    nameColumn,
    column('Created At', (crd) => crd.metadata?.creationTimestamp ?? '', {
      type: 'date', description: 'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata',
    }),
  ],
  strategy: {
    default: setDefaults,
    prepareForCreate(crd) {
      startGeneration(crd)
      noteStorageVersion(crd)
    },
    prepareForUpdate(crd, old, context) {
      carryOver(crd, old, context)
      if (context.subresource !== 'status') noteStorageVersion(crd)
    },
    prepareForDelete(crd, { now }) {
      const meta = (crd.metadata ??= {})
      if (!meta.finalizers?.includes(CLEANUP_FINALIZER)) meta.finalizers = [...(meta.finalizers ?? []), CLEANUP_FINALIZER]
      setCondition(crd, { type: 'Terminating', status: 'True', reason: 'InstanceDeletionPending', message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon' }, timestamp(now))
    },
    validate: (crd) => {
      const wanted = `${crd.spec.names.plural ?? ''}.${crd.spec.group ?? ''}`
      const name = crd.metadata?.name ?? ''
      return [...(name && name !== wanted && !validateDns1123Subdomain(name).length ? [invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group')] : []), ...validateDefinition(crd)]
    },
    validateUpdate,
  },
})

/** Has anything changed that decides how the resource is served? */
export const servedAlike = (a: Crd, b: Crd): boolean => equalJson(a.spec, b.spec) && equalJson(a.status?.acceptedNames ?? null, b.status?.acceptedNames ?? null)
  && isTrue(a, 'Established') === isTrue(b, 'Established') && isTrue(a, 'Terminating') === isTrue(b, 'Terminating')
