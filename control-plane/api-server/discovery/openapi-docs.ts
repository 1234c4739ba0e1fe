/** Loads the field documentation of the generated tables; only OpenAPI wants it, so nothing is read before the first such request. */
import type { DocsOf } from './openapi-schemas.ts'

type Docs = Readonly<Record<string, Readonly<Record<string, string>>>>
type Loader = () => Promise<{ default: unknown }>

const loaders: Readonly<Record<string, Loader>> = {
  'admissionregistration-v1': () => import('../schema/generated/admissionregistration-v1.docs.json', { with: { type: 'json' } }),
  'apiextensions-v1': () => import('../schema/generated/apiextensions-v1.docs.json', { with: { type: 'json' } }),
  'apiregistration-v1': () => import('../schema/generated/apiregistration-v1.docs.json', { with: { type: 'json' } }),
  'apps-v1': () => import('../schema/generated/apps-v1.docs.json', { with: { type: 'json' } }),
  'authentication-v1': () => import('../schema/generated/authentication-v1.docs.json', { with: { type: 'json' } }),
  'authorization-v1': () => import('../schema/generated/authorization-v1.docs.json', { with: { type: 'json' } }),
  'autoscaling-v1': () => import('../schema/generated/autoscaling-v1.docs.json', { with: { type: 'json' } }),
  'autoscaling-v2': () => import('../schema/generated/autoscaling-v2.docs.json', { with: { type: 'json' } }),
  'batch-v1': () => import('../schema/generated/batch-v1.docs.json', { with: { type: 'json' } }),
  'certificates-v1': () => import('../schema/generated/certificates-v1.docs.json', { with: { type: 'json' } }),
  'coordination-v1': () => import('../schema/generated/coordination-v1.docs.json', { with: { type: 'json' } }),
  'core-v1': () => import('../schema/generated/core-v1.docs.json', { with: { type: 'json' } }),
  'discovery-v1': () => import('../schema/generated/discovery-v1.docs.json', { with: { type: 'json' } }),
  'events-v1': () => import('../schema/generated/events-v1.docs.json', { with: { type: 'json' } }),
  'flowcontrol-v1': () => import('../schema/generated/flowcontrol-v1.docs.json', { with: { type: 'json' } }),
  'meta-v1': () => import('../schema/generated/meta-v1.docs.json', { with: { type: 'json' } }),
  'networking-v1': () => import('../schema/generated/networking-v1.docs.json', { with: { type: 'json' } }),
  'node-v1': () => import('../schema/generated/node-v1.docs.json', { with: { type: 'json' } }),
  'policy-v1': () => import('../schema/generated/policy-v1.docs.json', { with: { type: 'json' } }),
  'rbac-v1': () => import('../schema/generated/rbac-v1.docs.json', { with: { type: 'json' } }),
  'scheduling-v1': () => import('../schema/generated/scheduling-v1.docs.json', { with: { type: 'json' } }),
  'storage-v1': () => import('../schema/generated/storage-v1.docs.json', { with: { type: 'json' } }),
}

/** The documentation of every table. Nothing of ours keeps it: the caller drops it after building its document. */
export async function loadDocs(): Promise<DocsOf> {
  const loaded = new Map<string, Docs>()
  for (const [gv, load] of Object.entries(loaders)) loaded.set(gv, (await load()).default as Docs)
  return (schema) => {
    const dot = schema.indexOf('.')
    return loaded.get(schema.slice(0, dot))?.[schema.slice(dot + 1)] ?? {}
  }
}
