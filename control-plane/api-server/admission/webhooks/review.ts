/** `admission.k8s.io` AdmissionReview: what a webhook is asked and what may come back (`plugin/webhook/request`). Pure. */
import type { Status } from '../../../../shared/api/meta-v1.ts'
import type { KubeObject } from '../../../../shared/api/object.ts'
import { StatusError } from '../../../../shared/base/errors.ts'
import type { Reason, StatusDetails } from '../../../../shared/base/errors.ts'
import type { AdmissionRequest } from '../chain.ts'
import type { Seen } from '../match.ts'
import { namespaceOf } from '../match.ts'

const apiGroup = 'admission.k8s.io'

export interface Versioned { readonly object: KubeObject | undefined; readonly old: KubeObject | undefined }

/** The `request` of a review, also what expressions see as `request`. */
export function reviewRequest(request: AdmissionRequest, seen: Seen, uid: string): Record<string, unknown> {
  const { user, subresource, asked, operation, dryRun } = request
  const gvk = ({ group, version, kind }: { group: string; version: string; kind: string }): object => ({ group, version, kind })
  const gvr = ({ group, version, resource }: { group: string; version: string; resource: string }): object => ({ group, version, resource })
  const requestKind = seen.kind === seen.definition ? asked : request.kind
  const namespace = namespaceOf(request)
  return {
    uid, kind: gvk(seen.kind), resource: gvr(seen.definition), ...(subresource ? { subResource: subresource } : {}),
    requestKind: gvk(requestKind), requestResource: gvr(asked), ...(subresource ? { requestSubResource: subresource } : {}),
    ...(request.name ? { name: request.name } : {}), ...(namespace ? { namespace } : {}), operation,
    userInfo: {
      username: user.name, ...(user.uid ? { uid: user.uid } : {}), ...(user.groups.length ? { groups: user.groups } : {}), ...(user.extra && Object.keys(user.extra).length ? { extra: user.extra } : {}),
    },
    dryRun, options: request.options() ?? null,
  }
}

/** Of the versions a webhook can read, the first that we can write. */
export const reviewVersion = (versions: readonly string[]): string | undefined => versions.find((v) => v === 'v1' || v === 'v1beta1')

export function reviewOf(version: string, request: Record<string, unknown>, { object, old }: Versioned): object {
  const { dryRun, options, ...rest } = request
  return { kind: 'AdmissionReview', apiVersion: `${apiGroup}/${version}`, request: { ...rest, object: object ?? null, oldObject: old ?? null, dryRun, options } }
}

export interface Verdict {
  readonly allowed: boolean
  readonly result: Partial<Status> | undefined
  /** A JSON patch, parsed. */
  readonly patch: unknown
  readonly warnings: readonly string[]
  readonly auditAnnotations: Readonly<Record<string, string>>
}

/** The answer is none: the call failed. */
export class InvalidAnswer extends Error {
  override readonly name = 'InvalidAnswer'
}

const isObject = (v: unknown): v is Record<string, unknown> => typeof v === 'object' && v !== null && !Array.isArray(v)

function patchOf(response: Record<string, unknown>, version: string, mutating: boolean): unknown {
  const { patch, patchType } = response
  if (!mutating) return undefined
  if (version === 'v1' && typeof patch === 'string' && patch && !patchType) throw new InvalidAnswer('webhook returned response.patch but not response.patchType')
  if (version === 'v1' && !patch && patchType) throw new InvalidAnswer('webhook returned response.patchType but not response.patch')
  if (typeof patch !== 'string' || patch === '') return undefined
  if (patchType && patchType !== 'JSONPatch') throw new InvalidAnswer(`webhook returned invalid response.patchType of "${String(patchType)}"`)
  try {
    return JSON.parse(Buffer.from(patch, 'base64').toString()) as unknown
  } catch (e) {
    throw new InvalidAnswer(`webhook returned response.patch that is no JSON: ${(e as Error).message}`)
  }
}

/** Throws {@link InvalidAnswer}. */
export function readVerdict(answer: unknown, { version, uid, mutating }: { version: string; uid: string; mutating: boolean }): Verdict {
  if (!isObject(answer) || !isObject(answer.response)) throw new InvalidAnswer('webhook response was absent')
  const { response } = answer
  if (version === 'v1') {
    if (answer.apiVersion !== `${apiGroup}/v1` || answer.kind !== 'AdmissionReview') {
      const [group = '', v = ''] = String(answer.apiVersion ?? '').split('/')
      throw new InvalidAnswer(`expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got ${group ? `${group}/` : '/'}${v}, Kind=${String(answer.kind ?? '')}`)
    }
    if (response.uid !== uid) throw new InvalidAnswer(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response.uid ?? '')}`)
  }
  const annotations = isObject(response.auditAnnotations) ? response.auditAnnotations : {}
  return {
    allowed: response.allowed === true, result: isObject(response.status) ? response.status as Partial<Status> : undefined,
    patch: patchOf(response, version, mutating), warnings: Array.isArray(response.warnings) ? response.warnings.filter((w) => typeof w === 'string') : [],
    auditAnnotations: Object.fromEntries(Object.entries(annotations).filter((e): e is [string, string] => typeof e[1] === 'string')),
  }
}

/** The refusal of a webhook: its own status, with who refused before its message; never a success. */
export function denial(webhook: string, result: Partial<Status> | undefined): StatusError {
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`
  const message = result?.message ? `${denied}: ${result.message}` : result?.reason ? `${denied}: ${result.reason}` : `${denied} without explanation`
  const code = result?.code !== undefined && result.code >= 400 ? result.code : 400
  return new StatusError((result?.reason ?? '') as Reason, message, { code, ...(result?.details ? { details: result.details as StatusDetails } : {}) })
}
