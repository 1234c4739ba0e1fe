/** Selectors and patches of the fake API source: the simple forms only, the rest is refused by name. */
import type { KubeObject, Stored } from '../api/object.ts'
import { badRequest } from '../base/errors.ts'
import type { PatchType } from './api-client.ts'

// JSON of any shape.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any

function holds(selector: string | undefined, read: (path: string) => string): boolean {
  for (const term of selector ? selector.split(',') : []) {
    const match = /^([^=!]+)(!=|==|=)(.*)$/.exec(term)
    if (!match) throw badRequest(`the fake cannot read the selector ${term}`)
    const [, path = '', operator, value = ''] = match
    if ((read(path) === value) === (operator === '!=')) return false
  }
  return true
}

export const matchesFake = (object: Stored<KubeObject>, o: { labelSelector?: string; fieldSelector?: string }): boolean =>
  holds(o.labelSelector, (key) => object.metadata.labels?.[key] ?? '')
  && holds(o.fieldSelector, (path) => String(path.split('.').reduce((v: Json, k) => v?.[k], object) ?? ''))

export function applyFakePatch(object: Stored<KubeObject>, type: PatchType, body: unknown): Stored<KubeObject> {
  switch (type) {
    case 'application/merge-patch+json': case 'application/strategic-merge-patch+json': return merge(object, body)
    case 'application/json-patch+json': {
      const out = object as Json
      for (const step of body as { op: string; path: string; value: unknown }[]) jsonPatchStep(out, step)
      return out
    }
    case 'application/apply-patch+yaml': throw badRequest('the fake has no server-side apply')
  }
}

function merge(target: Json, patch: Json): Json {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) return patch
  const out = typeof target === 'object' && target !== null && !Array.isArray(target) ? target : {}
  for (const [k, v] of Object.entries(patch)) {
    if (v === null) delete out[k]
    else out[k] = merge(out[k], v)
  }
  return out
}

function jsonPatchStep(root: Json, step: { op: string; path: string; value: unknown }): void {
  const keys = step.path.split('/').slice(1).map((k) => k.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = keys.pop() ?? ''
  const parent = keys.reduce((v, k) => v?.[k], root)
  if (parent === undefined) throw badRequest(`no such path ${step.path}`)
  switch (step.op) {
    case 'add': if (Array.isArray(parent)) parent.splice(last === '-' ? parent.length : Number(last), 0, step.value); else parent[last] = step.value; break
    case 'replace': parent[last] = step.value; break
    case 'remove': if (Array.isArray(parent)) parent.splice(Number(last), 1); else delete parent[last]; break
    case 'test': if (JSON.stringify(parent[last]) !== JSON.stringify(step.value)) throw badRequest(`test failed at ${step.path}`); break
    default: throw badRequest(`the fake has no patch operation ${step.op}`)
  }
}
