/** One line of the audit log: an `audit.k8s.io/v1` Event. */
import type { Status } from '../../../shared/api/meta-v1.ts'
import type { User } from '../authn/user.ts'
import type { RequestInfo } from '../request-info.ts'
import { readProtobuf } from '../schema/protobuf.ts'
import type { Level, Stage } from './rules.ts'

export interface AuditEvent {
  readonly kind: 'Event'
  readonly apiVersion: 'audit.k8s.io/v1'
  readonly level: Level
  readonly auditID: string
  readonly stage: Stage
  readonly requestURI: string
  readonly verb: string
  readonly user: object
  readonly impersonatedUser?: object
  readonly sourceIPs?: readonly string[]
  readonly userAgent?: string
  readonly objectRef?: object
  readonly responseStatus?: Partial<Status>
  readonly requestObject?: unknown
  readonly responseObject?: unknown
  readonly requestReceivedTimestamp: string
  readonly stageTimestamp: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** RFC 3339 with microseconds, as `metav1.MicroTime` prints. */
export const microTime = (millis: number): string => `${new Date(millis).toISOString().slice(0, -1)}000Z`

export const userOf = ({ name, uid, groups, extra }: User): object => ({ username: name, ...(uid ? { uid } : {}), ...(groups.length ? { groups } : {}), ...(extra ? { extra } : {}) })

/** Undefined for what is not about a resource. */
export function objectRef(info: RequestInfo, body: unknown): object | undefined {
  if (!info.isResourceRequest) return undefined
  const meta = ((body ?? {}) as { metadata?: { name?: string; uid?: string; resourceVersion?: string } }).metadata ?? {}
  const name = info.name || (typeof meta.name === 'string' ? meta.name : '')
  return {
    resource: info.resource, ...(info.namespace ? { namespace: info.namespace } : {}), ...(name ? { name } : {}), ...(typeof meta.uid === 'string' && meta.uid ? { uid: meta.uid } : {}),
    ...(info.group ? { apiGroup: info.group } : {}), apiVersion: info.version, ...(typeof meta.resourceVersion === 'string' && meta.resourceVersion ? { resourceVersion: meta.resourceVersion } : {}),
    ...(info.subresource ? { subresource: info.subresource } : {}),
  }
}

/** What the log keeps of a body: JSON and what protobuf stands for, anything else (YAML) by its size, so that no line is half of one. */
export function bodyObject(bytes: Buffer | undefined, omitManagedFields: boolean): unknown {
  if (!bytes?.length) return undefined
  let value: unknown = readProtobuf(bytes)
  try {
    value ??= JSON.parse(bytes.toString())
  } catch {
    return { kind: 'Unknown', contentLength: bytes.length }
  }
  if (omitManagedFields) dropManagedFields(value)
  return value
}

function dropManagedFields(value: unknown): void {
  if (typeof value !== 'object' || value === null) return
  const { metadata, items } = value as { metadata?: { managedFields?: unknown }; items?: unknown }
  if (metadata && typeof metadata === 'object') delete metadata.managedFields
  if (Array.isArray(items)) for (const item of items) dropManagedFields(item)
}
