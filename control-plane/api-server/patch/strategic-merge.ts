/**
 * Strategic merge patch: `k8s.io/apimachinery/pkg/util/strategicpatch` (`StrategicMergeMapPatch`), with the merge keys of
 * `schema/overlay.ts`. Pure; inputs are never changed, the result shares nothing with them.
 *
 * Errors: 400 `BadRequest` for a directive that is malformed or unknown, or an element without its merge key.
 */
import { badRequest } from '../../../shared/base/errors.ts'
import { copyJson, equalJson, isRecord, memberOf, setMember } from '../../../shared/values/json-value.ts'
import type { ResourceDefinition } from '../resources/definition.ts'
import { listRules } from '../schema/overlay.ts'
import { parseType, tableOf } from '../schema/tables.ts'

const directive = '$patch'
const retainKeys = '$retainKeys'
const deletePrefix = '$deleteFromPrimitiveList/'
const orderPrefix = '$setElementOrder/'

type Json = Record<string, unknown>

/** What the schema says of one field: how a list is patched, and the schema of what is inside. */
interface FieldRule { readonly merge: boolean; readonly key: string | undefined; readonly inner: string | undefined }
const plain: FieldRule = { merge: false, key: undefined, inner: undefined }

function ruleOf(schema: string | undefined, field: string): FieldRule {
  if (schema === undefined) return plain
  // The values of a map have the schema of its elements.
  if (schema.startsWith('{}')) return { merge: false, key: undefined, inner: innerSchema(schema.slice(2)) }
  const type = tableOf(schema)?.[field]
  if (type === undefined) return plain
  const rule = listRules[schema]?.[field]
  const { container, element } = parseType(type)
  return { merge: rule?.patchStrategy?.startsWith('merge') ?? false, key: rule?.patchMergeKey, inner: container === '{}' ? `{}${element}` : innerSchema(element) }
}
const innerSchema = (type: string): string | undefined => (type.includes('.') ? type : undefined)

/** `target`: a definition, or the key of a schema, `core-v1.PodSpec`. */
export function applyStrategicMergePatch(target: Pick<ResourceDefinition, 'schema'> | string, document: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) throw badRequest('error decoding patch: json: cannot unmarshal value into Go value of type map[string]interface {}')
  return mergeObject(isRecord(document) ? document : {}, patch, typeof target === 'string' ? target : target.schema)
}

function mergeObject(original: Json, patch: Json, schema: string | undefined): Json {
  const how = memberOf(patch, directive)
  if (how === 'replace') return withoutDirectives(patch)
  if (how === 'delete') return {}
  if (how !== undefined && how !== 'merge') throw badRequest(`Unknown value for $patch: ${String(how)}`)
  const out: Json = retained(copyJson(original), patch)
  const done = new Set<string>([directive, retainKeys])
  applyOrders(out, patch, schema, done)
  for (const key of Object.keys(patch)) {
    if (done.has(key)) continue
    const value = memberOf(patch, key)
    if (value === undefined) continue
    if (key.startsWith(deletePrefix)) { deletePrimitives(out, key.slice(deletePrefix.length), value); continue }
    if (value === null) { delete out[key]; continue }
    setMember(out, key, mergeValue(memberOf(out, key), value, ruleOf(schema, key)))
  }
  return out
}

function mergeValue(original: unknown, value: unknown, rule: FieldRule): unknown {
  if (isRecord(value)) return mergeObject(isRecord(original) ? original : {}, value, rule.inner)
  if (Array.isArray(value)) return rule.merge ? mergeList(Array.isArray(original) ? original : [], value, rule) : value.map((v: unknown) => clean(v))
  return value
}

/** `$retainKeys`: members of the original that it does not name go. */
function retained(original: Json, patch: Json): Json {
  const keep = memberOf(patch, retainKeys)
  if (keep === undefined) return original
  if (!Array.isArray(keep)) throw badRequest('invalid patch format of retainKeys')
  for (const key of Object.keys(patch)) {
    if (key === directive || key === retainKeys || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue
    if (patch[key] !== null && !keep.includes(key)) throw badRequest('invalid patch format of retainKeys')
  }
  for (const key of Object.keys(original)) if (!keep.includes(key)) delete original[key]
  return original
}

function deletePrimitives(out: Json, field: string, value: unknown): void {
  if (!Array.isArray(value)) throw badRequest('invalid patch format of primitive list')
  const list = out[field]
  if (Array.isArray(list)) out[field] = list.filter((v) => !value.some((gone) => equalJson(v, gone)))
}

/** `$setElementOrder/x`: merges x and puts it in the order given; what only the server has keeps its place among them. */
function applyOrders(out: Json, patch: Json, schema: string | undefined, done: Set<string>): void {
  for (const directiveKey of Object.keys(patch)) {
    if (!directiveKey.startsWith(orderPrefix)) continue
    done.add(directiveKey)
    const order = patch[directiveKey]
    if (!Array.isArray(order)) throw badRequest('invalid patch format of setElementOrder list')
    const field = directiveKey.slice(orderPrefix.length)
    const rule = ruleOf(schema, field)
    const given = memberOf(patch, field)
    if (given === null) continue
    const before = memberOf(out, field)
    const original: unknown[] = Array.isArray(before) ? before : []
    if (given === undefined && before === undefined) continue
    const patchList: unknown[] = Array.isArray(given) ? given : []
    checkOrder(patchList, order, rule.key)
    const merged = rule.merge ? mergeList(original, patchList, rule) : given === undefined ? original : patchList.map((v) => clean(v))
    setMember(out, field, arrange(merged, order, original, rule.key))
    done.add(field)
  }
}

/** Every element of the patch must be in the order list, in the same order. */
function checkOrder(patchList: readonly unknown[], order: readonly unknown[], key: string | undefined): void {
  let at = 0
  for (const item of patchList) {
    if (isRecord(item) && item[directive] !== undefined) continue
    while (at < order.length && !same(order[at], item, key)) at++
    if (at >= order.length) {
      throw badRequest(`The order in patch list:\n${JSON.stringify(patchList)}\n doesn't match ${'$setElementOrder'} list:\n${JSON.stringify(order)}\n`)
    }
    at++
  }
}

const same = (a: unknown, b: unknown, key: string | undefined): boolean =>
  key !== undefined && isRecord(a) && isRecord(b) ? equalJson(a[key], b[key]) : equalJson(a, b)
const indexIn = (list: readonly unknown[], item: unknown, key: string | undefined): number => list.findIndex((v) => same(v, item, key))

function mergeList(original: readonly unknown[], patch: readonly unknown[], rule: FieldRule): unknown[] {
  const { key } = rule
  if (key === undefined) {
    const merged: unknown[] = []
    for (const v of [...original, ...patch]) if (!merged.some((m) => equalJson(m, v))) merged.push(v)
    return arrange(merged, patch, original, undefined)
  }
  const { rest, deleted, replace } = special(patch, key)
  if (replace) return rest.map((v) => clean(v))
  const merged: unknown[] = original.filter((v) => !deleted.some((d) => same(v, d, key)))
  for (const item of rest) {
    const at = indexIn(merged, item, key)
    if (at < 0) merged.push(mergeObject({}, item, rule.inner))
    else merged[at] = mergeObject(merged[at] as Json, item, rule.inner)
  }
  return arrange(merged, rest, original, key)
}

/** Takes the elements that are orders (`$patch: delete`, `$patch: replace`) out of a list of a patch. */
function special(patch: readonly unknown[], key: string): { rest: Json[]; deleted: Json[]; replace: boolean } {
  const rest: Json[] = []
  const deleted: Json[] = []
  let replace = false
  for (const item of patch) {
    if (!isRecord(item)) throw badRequest(`unable to find api field in struct: list element is not an object, merge key ${key}`)
    const how = item[directive]
    const hasKey = item[key] !== undefined && item[key] !== null
    if (how === 'delete') {
      if (!hasKey) throw badRequest(`delete patch type with no merge key defined`)
      deleted.push(item)
    } else if (how === 'replace') replace = true
    else if (how !== undefined && how !== 'merge') throw badRequest(`Unknown value for $patch: ${String(how)}`)
    else if (!hasKey) throw badRequest(`map: ${JSON.stringify(item)} does not contain declared merge key: ${key}`)
    else rest.push(item)
  }
  return { rest, deleted, replace }
}

/**
 * Upstream's `normalizeElementOrder`: elements named by `order` in that order; the others keep the server's order and go before the
 * first named element that the server has after them.
 */
function arrange(merged: readonly unknown[], order: readonly unknown[], server: readonly unknown[], key: string | undefined): unknown[] {
  const place = new Map<unknown, number>()
  const named: unknown[] = []
  const others: unknown[] = []
  for (const v of merged) {
    const at = indexIn(order, v, key)
    if (at < 0) others.push(v)
    else { place.set(v, at); named.push(v) }
  }
  if (key === undefined) named.sort((a, b) => indexIn(order, a, key) - indexIn(order, b, key))
  else named.sort((a, b) => (place.get(a) as number) - (place.get(b) as number))
  const out: unknown[] = []
  let i = 0
  let j = 0
  while (i < others.length || j < named.length) {
    if (i >= others.length) { out.push(named[j++]); continue }
    if (j >= named.length) { out.push(others[i++]); continue }
    const left = indexIn(server, others[i], key)
    const right = indexIn(server, named[j], key)
    out.push(left >= 0 && right >= 0 && left < right ? others[i++] : named[j++])
  }
  return out
}

/** A value of a patch that is taken as it is: without directives and nulls. */
function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((v) => !(isRecord(v) && v[directive] !== undefined)).map((v: unknown) => clean(v))
  return isRecord(value) ? withoutDirectives(value) : value
}

function withoutDirectives(patch: Json): Json {
  const out: Json = {}
  for (const key of Object.keys(patch)) {
    if (key === directive || key === retainKeys || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue
    const value = patch[key]
    if (value !== null && value !== undefined) setMember(out, key, clean(value))
  }
  return out
}
