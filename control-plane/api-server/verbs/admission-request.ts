/** What admission is asked, made from a verb's target. */
import type { KubeObject } from '../../../shared/api/object.ts'
import type { AdmissionRequest, GroupVersionKind, Operation } from '../admission/chain.ts'
import type { Target } from './context.ts'

const nothing = (): void => undefined

interface Asked {
  readonly object?: KubeObject | undefined
  readonly old?: KubeObject | undefined
  /** The object's name where the path has none. */
  readonly name?: string
  /** Where a subresource has a kind of its own. */
  readonly kind?: GroupVersionKind
  /** Of a deletion: its body's fields. */
  readonly options?: Readonly<Record<string, unknown>>
}

export function admissionRequest(target: Target, operation: Operation, { object, old, name, kind, options }: Asked): AdmissionRequest {
  const { definition, namespace, subresource, user, dryRun, request } = target
  return {
    operation, definition, asked: target.asked ?? definition, kind: kind ?? definition, namespace, name: name ?? target.name, subresource, user, dryRun, object, old, settle: [],
    options: () => (operation === 'CONNECT' ? undefined : optionsOf(target, operation, options)),
    warn: request?.warn ?? nothing, annotate: request?.annotate ?? nothing,
  }
}

const optionKinds = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' } as const

/** By what is done, not by what was called: a patch is an update, or the creation it came to (`admission/v1.AdmissionRequest.options`). */
function optionsOf({ dryRun, request }: Target, operation: keyof typeof optionKinds, given: Asked['options']): Record<string, unknown> {
  const query = operation === 'DELETE' ? undefined : request?.query
  const fieldManager = query?.get('fieldManager')
  const fieldValidation = query?.get('fieldValidation')
  return {
    kind: optionKinds[operation], apiVersion: 'meta.k8s.io/v1', ...given, ...(dryRun ? { dryRun: ['All'] } : {}),
    ...(fieldManager ? { fieldManager } : {}), ...(fieldValidation ? { fieldValidation } : {}),
  }
}
