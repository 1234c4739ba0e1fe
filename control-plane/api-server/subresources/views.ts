/** Subresources through which the same object is read and written in part: which there are, and what each lets through. */
import type { Namespace } from '../../../shared/api/core-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { copyJson } from '../../../shared/values/json-value.ts'
import { isPodPart } from '../resources/pod-parts.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import type { ApiContext, Target } from '../verbs/context.ts'
import { mutate } from '../verbs/mutate.ts'
import type { Written } from '../verbs/stored-form.ts'
import { update } from '../verbs/update.ts'

/** `status` where the definition has one; `finalize` of namespaces; `ephemeralcontainers` and `resize` of pods; `approval` of certificate requests. */
export function isView(definition: ResourceDefinition, subresource: string): boolean {
  if (subresource === 'status') return definition.subresources.status === true
  if (subresource === 'finalize') return definition.group === '' && definition.resource === 'namespaces'
  if (isPodPart(subresource)) return definition.group === '' && definition.resource === 'pods'
  return subresource === 'approval' && definition.resource === 'certificatesigningrequests'
}

export function updateView(ctx: ApiContext, target: Target, object: KubeObject): Promise<Written> {
  return target.subresource === 'finalize' ? finalize(ctx, target, object) : update(ctx, target, object)
}

/** Only `spec.finalizers` counts. When the last one goes and the namespace is being deleted, it goes too. */
function finalize(ctx: ApiContext, target: Target, object: KubeObject): Promise<Written> {
  const finalizers = (object as Namespace).spec?.finalizers ?? []
  return mutate(ctx, target, {
    change(old) {
      const namespace = copyJson(old) as Namespace
      namespace.spec = { ...namespace.spec, finalizers }
      if (!finalizers.length) delete namespace.spec.finalizers
      namespace.metadata = { ...namespace.metadata }
      if (object.metadata?.resourceVersion) namespace.metadata.resourceVersion = object.metadata.resourceVersion
      return namespace
    },
  })
}
