/** JSON merge patch, RFC 7386. Pure; inputs are never changed, the result shares nothing with them. */
import { copyJson, isRecord, memberOf, setMember } from '../../../shared/values/json-value.ts'

export function applyMergePatch(document: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return copyJson(patch)
  const out: Record<string, unknown> = isRecord(document) ? { ...document } : {}
  for (const key of Object.keys(out)) if (!Object.hasOwn(patch, key)) setMember(out, key, copyJson(out[key]))
  for (const key of Object.keys(patch)) {
    const v = memberOf(patch, key)
    if (v === undefined) continue
    if (v === null) delete out[key]
    else setMember(out, key, applyMergePatch(memberOf(out, key), v))
  }
  return out
}
