/**
 * JSON patch, RFC 6902, with the behaviour and messages of upstream's `gopkg.in/evanphx/json-patch.v4`. Pure; inputs are never changed.
 *
 * Errors: a patch that is not a patch is 400 `BadRequest`; an operation that does not fit the document is 422 `Invalid`
 * (cause `testing value /x failed: test failed`), as upstream's `jsonPatcher` answers.
 */
import { StatusError, badRequest } from '../../../shared/base/errors.ts'
import { isDeep } from '../schema/read-json.ts'
import { copyJson, equalJson, isRecord, memberOf, setMember } from '../../../shared/values/json-value.ts'

/** The most operations one patch may have (upstream's `maxJSONPatchOperations`). */
export const maxJsonPatchOperations = 10_000

/** What the copy operations of one patch may add (upstream's `JSONPatchMaxCopyBytes`). */
const maxCopiedBytes = 3 * 1024 * 1024

interface Operation { readonly op: string; readonly path: string; readonly from: string | undefined; readonly value: unknown; readonly hasValue: boolean }

/** The error of an operation that cannot be applied: upstream's 422, with the cause that upstream leaves out. */
const unprocessable = (message: string): StatusError =>
  new StatusError('Invalid', 'the server rejected our request due to an error in our request', { details: { causes: [{ reason: 'UnexpectedServerResponse', message, field: 'patch' }] } })

function read(patch: unknown): Operation[] {
  if (!Array.isArray(patch)) throw badRequest(`error decoding patch: json: cannot unmarshal ${isRecord(patch) ? 'object' : typeof patch} into Go value of type jsonpatch.Patch`)
  if (patch.length > maxJsonPatchOperations) {
    throw new StatusError('RequestEntityTooLarge', `The allowed maximum operations in a JSON patch is ${maxJsonPatchOperations}, got ${patch.length}`)
  }
  return patch.map((entry: unknown): Operation => {
    if (!isRecord(entry)) throw badRequest('error decoding patch: json: cannot unmarshal value into Go value of type jsonpatch.Operation')
    const { op, path, from } = entry
    if (typeof op !== 'string') throw unprocessable('unexpected kind: unknown')
    if (typeof path !== 'string') throw unprocessable(`${op} operation is missing its path`)
    return { op, path, from: typeof from === 'string' ? from : undefined, value: entry.value, hasValue: Object.hasOwn(entry, 'value') }
  })
}

/** Applies the operations in order; all or none. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  let root = copyJson(document)
  const copies = { bytes: 0 }
  for (const o of read(patch)) root = applyOne(root, o, copies)
  if (isDeep(root)) throw unprocessable('exceeded max depth')
  return root
}

/** A few copies of a copy are more than any memory holds. */
function copyOf(value: unknown, path: string, copies: { bytes: number }): unknown {
  if (isDeep(value)) throw unprocessable('exceeded max depth')
  copies.bytes += JSON.stringify(value).length
  if (copies.bytes > maxCopiedBytes) {
    throw unprocessable(`copy operation for path: '${path}': Unable to complete the copy, the accumulated size increase of copy is ${copies.bytes}, exceeding the limit ${maxCopiedBytes}`)
  }
  return copyJson(value)
}

function applyOne(root: unknown, o: Operation, copies: { bytes: number }): unknown {
  switch (o.op) {
    case 'add': return add(root, o.path, needValue(o), o.op)
    case 'remove': return remove(root, o.path).root
    case 'replace': return replace(root, o.path, needValue(o))
    case 'move': {
      const source = needFrom(o)
      if (o.path === source) return root
      if (o.path.startsWith(`${source}/`)) throw unprocessable(`error in move for path: '${o.path}': cannot move a value into itself`)
      const taken = remove(root, source, 'move')
      return add(taken.root, o.path, taken.value, 'move')
    }
    case 'copy': return add(root, o.path, copyOf(get(root, needFrom(o), 'copy'), o.path, copies), 'copy')
    case 'test': {
      const actual = find(root, o.path)
      if (!equalJson(actual ?? null, o.value ?? null)) throw unprocessable(`testing value ${o.path} failed: test failed`)
      return root
    }
    default: throw unprocessable(`unexpected kind: ${o.op}`)
  }
}

function needValue(o: Operation): unknown {
  if (!o.hasValue) throw unprocessable(`${o.op} operation for path: '${o.path}' is missing its value`)
  return copyJson(o.value)
}
function needFrom(o: Operation): string {
  if (o.from === undefined) throw unprocessable(`${o.op} operation for path: '${o.path}' is missing its from field`)
  return o.from
}

function tokens(path: string, op: string): string[] {
  if (path === '') return []
  if (!path.startsWith('/')) throw unprocessable(`${op} operation does not apply: doc is missing path: ${JSON.stringify(path)}: missing value`)
  return path.slice(1).split('/').map((t) => t.replaceAll('~1', '/').replaceAll('~0', '~'))
}

const missing = (op: string, path: string): StatusError => unprocessable(`${op} operation does not apply: doc is missing ${op === 'add' || op === 'copy' || op === 'move' ? 'path' : 'key'}: ${JSON.stringify(path)}: missing value`)

/** The index an array token names, counted from the end where negative, as upstream allows; `length` may be used for insertion. */
function indexOf(list: readonly unknown[], token: string, path: string, op: string, insert: boolean): number {
  if (insert && token === '-') return list.length
  if (!/^-?\d+$/.test(token)) throw unprocessable(`${op} operation does not apply: error in ${op} for path: '${path}': strconv.Atoi: parsing ${JSON.stringify(token)}: invalid syntax`)
  const limit = insert ? list.length : list.length - 1
  const raw = Number(token)
  const index = raw < 0 ? raw + limit + 1 : raw
  if (index < 0 || index > limit) throw unprocessable(`${op} operation does not apply: error in ${op} for path: '${path}': Unable to access invalid index: ${raw}: invalid index referenced`)
  return index
}

/** The container of the last token. */
function parentOf(root: unknown, path: string, op: string): { parent: unknown[] | Record<string, unknown>; last: string } {
  const steps = tokens(path, op)
  const last = steps.pop() as string
  let at = root
  for (const step of steps) {
    if (Array.isArray(at)) at = at[indexOf(at, step, path, op, false)]
    else if (isRecord(at) && Object.hasOwn(at, step)) at = at[step]
    else throw missing(op, path)
  }
  if (!Array.isArray(at) && !isRecord(at)) throw missing(op, path)
  return { parent: at, last }
}

function add(root: unknown, path: string, value: unknown, op: string): unknown {
  if (path === '') return value
  const { parent, last } = parentOf(root, path, op)
  if (Array.isArray(parent)) parent.splice(indexOf(parent, last, path, op, true), 0, value)
  else setMember(parent, last, value)
  return root
}

function remove(root: unknown, path: string, op = 'remove'): { root: unknown; value: unknown } {
  if (path === '') throw unprocessable(`${op} operation does not apply: unable to remove the whole document`)
  const { parent, last } = parentOf(root, path, op)
  if (Array.isArray(parent)) return { root, value: parent.splice(indexOf(parent, last, path, op, false), 1)[0] }
  if (!Object.hasOwn(parent, last)) throw unprocessable(`${op} operation does not apply: unable to remove nonexistent key: ${last}: missing value`)
  const value = parent[last]
  delete parent[last]
  return { root, value }
}

function replace(root: unknown, path: string, value: unknown): unknown {
  if (path === '') return value
  const { parent, last } = parentOf(root, path, 'replace')
  if (Array.isArray(parent)) parent[indexOf(parent, last, path, 'replace', false)] = value
  else if (Object.hasOwn(parent, last)) setMember(parent, last, value)
  else throw missing('replace', path)
  return root
}

function get(root: unknown, path: string, op: string): unknown {
  if (path === '') return root
  const { parent, last } = parentOf(root, path, op)
  if (Array.isArray(parent)) return parent[indexOf(parent, last, path, op, false)]
  if (!Object.hasOwn(parent, last)) throw missing(op, path)
  return parent[last]
}

/** For `test`: a member that is not there compares as null. */
function find(root: unknown, path: string): unknown {
  if (path === '') return root
  const { parent, last } = parentOf(root, path, 'test')
  return Array.isArray(parent) ? parent[indexOf(parent, last, path, 'test', false)] : memberOf(parent, last)
}
