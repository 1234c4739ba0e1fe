/** Loads the field documentation of the generated tables; only OpenAPI wants it, so nothing is read before the first such request. */
import type { DocsOf } from './openapi-schemas.ts'

type Docs = Readonly<Record<string, Readonly<Record<string, string>>>>
type Loader = () => Promise<{ default: unknown }>

const loaders: Readonly<Record<string, Loader>> = {
  'apps-v1': () => import('../schema/generated/apps-v1.docs.json', { with: { type: 'json' } }),
  'autoscaling-v1': () => import('../schema/generated/autoscaling-v1.docs.json', { with: { type: 'json' } }),
  'certificates-v1': () => import('../schema/generated/certificates-v1.docs.json', { with: { type: 'json' } }),
  'coordination-v1': () => import('../schema/generated/coordination-v1.docs.json', { with: { type: 'json' } }),
  'core-v1': () => import('../schema/generated/core-v1.docs.json', { with: { type: 'json' } }),
  'discovery-v1': () => import('../schema/generated/discovery-v1.docs.json', { with: { type: 'json' } }),
  'meta-v1': () => import('../schema/generated/meta-v1.docs.json', { with: { type: 'json' } }),
  'policy-v1': () => import('../schema/generated/policy-v1.docs.json', { with: { type: 'json' } }),
  'rbac-v1': () => import('../schema/generated/rbac-v1.docs.json', { with: { type: 'json' } }),
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
