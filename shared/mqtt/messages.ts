/**
 * What control plane and agents say to each other, one union per topic. Payloads are decoded strictly: a message of an unknown type or
 * with a field of the wrong shape is refused by name; unknown fields are ignored, so that either side may be the newer one.
 *
 * A conversation: the agent connects, subscribes to `down` and `rpc`, and sends `hello` with a session of its own making (new with each
 * connection) and the position it has durably stored. The gateway answers with `state` from there, or asks for the `inventory` where its
 * history does not reach back that far. Each `state` transfer is stored, then acknowledged. Reports are acknowledged with `reported` once they
 * were written through the API. QoS 0 throughout: a PUBACK says nothing about durability, so we acknowledge ourselves.
 */
import type { NodeStatus, PodStatus } from '../api/core-v1.ts'
import type { KubeObject } from '../api/object.ts'

/** A place in the history of what a node shall know. Revisions compare within one incarnation (one run of one gateway) only. */
export interface Position { readonly incarnation: string; readonly revision: number }

export const desiredKinds = ['Node', 'Pod', 'ConfigMap', 'Secret', 'ServiceAccount', 'Service', 'EndpointSlice', 'Namespace', 'PersistentVolumeClaim', 'PersistentVolume', 'RuntimeClass'] as const
export type DesiredKindName = (typeof desiredKinds)[number]

/** Kind, namespace (`''` if none), name. */
export type ObjectId = readonly [kind: DesiredKindName, namespace: string, name: string]

/**
 * One part of a transfer. A transfer takes an agent from position `from` to position `to`, all or nothing; `from` null is a snapshot that
 * replaces everything. Parts come in order, `part` from 0; `last` ends the transfer.
 */
export interface StateMessage {
  readonly type: 'state'
  readonly session: string
  readonly from: Position | null
  readonly to: Position
  readonly part: number
  readonly last: boolean
  readonly put: readonly (readonly [DesiredKindName, KubeObject])[]
  readonly del: readonly ObjectId[]
}

export type DownMessage =
  | StateMessage
  /** Say what you have: the gateway does not know your position. */
  | { readonly type: 'inventory'; readonly session: string }
  /** Greet again: the gateway does not know your session (it restarted behind a broker that did not). */
  | { readonly type: 'greet' }
  /** Reports dealt with: written, or refused for good with a reason. */
  | { readonly type: 'reported'; readonly session: string; readonly items: readonly ReportReceipt[] }

export interface ReportReceipt { readonly key: string; readonly seq: number; readonly refused?: string }

/** Times are ISO 8601. */
export interface EventItem {
  readonly item: 'event'
  /** Name of the Event object: the same for every repeat. */
  readonly name: string
  readonly regarding: { readonly kind: string; readonly namespace?: string; readonly name: string; readonly uid: string; readonly fieldPath?: string }
  readonly eventType: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  readonly count: number
  readonly first: string
  readonly last: string
}

export type ReportBody =
  | { readonly item: 'pod'; readonly namespace: string; readonly name: string; readonly uid: string; readonly status: PodStatus }
  | { readonly item: 'gone'; readonly namespace: string; readonly name: string; readonly uid: string }
  | { readonly item: 'node'; readonly status: NodeStatus; readonly labels: Readonly<Record<string, string>> }
  | EventItem

/** `seq` grows with each new content of `key` within a session; the newest wins. */
export interface ReportItem { readonly key: string; readonly seq: number; readonly body: ReportBody }

/** An error of a remote call: a reason of `metav1.StatusReason` and a text. */
export interface CallError { readonly reason: string; readonly message: string }

export type UpMessage =
  | { readonly type: 'hello'; readonly session: string; readonly position: Position | null; readonly labels: Readonly<Record<string, string>>; readonly version: string }
  | { readonly type: 'inventory'; readonly session: string; readonly position: Position; readonly objects: readonly (readonly [...ObjectId, digest: string])[] }
  /** Stored durably up to here. */
  | { readonly type: 'ack'; readonly session: string; readonly position: Position }
  | { readonly type: 'report'; readonly session: string; readonly items: readonly ReportItem[] }
  | { readonly type: 'reply'; readonly id: string; readonly result: unknown }
  | { readonly type: 'reply'; readonly id: string; readonly error: CallError }

/** A request to a node. Where the answer is a stream the agent dials `dial`, a path on the API server, by WebSocket. */
export interface RpcMessage {
  readonly type: 'call'
  readonly id: string
  readonly method: string
  readonly params: unknown
  readonly dial?: string
}

/** Retained. `session` tells the will of a connection that was replaced from the state of its successor. */
export interface OnlineMessage { readonly online: boolean; readonly session: string }

export class BadMessageError extends Error { override readonly name = 'BadMessageError' }

type Fields = Readonly<Record<string, unknown>>

function fail(path: string, want: string): never { throw new BadMessageError(`${path}: want ${want}`) }

const isFields = (v: unknown): v is Fields => typeof v === 'object' && v !== null && !Array.isArray(v)
const fields = (v: unknown, path: string): Fields => (isFields(v) ? v : fail(path, 'an object'))
const text = (o: Fields, key: string, path: string): string => (typeof o[key] === 'string' ? o[key] : fail(`${path}.${key}`, 'a string'))
const name = (o: Fields, key: string, path: string): string => text(o, key, path) || fail(`${path}.${key}`, 'a string that is not empty')
const count = (o: Fields, key: string, path: string): number => (Number.isSafeInteger(o[key]) && (o[key] as number) >= 0 ? (o[key] as number) : fail(`${path}.${key}`, 'a number from 0'))
const flag = (o: Fields, key: string, path: string): boolean => (typeof o[key] === 'boolean' ? o[key] : fail(`${path}.${key}`, 'true or false'))
function many<T>(o: Fields, key: string, path: string, each: (v: unknown, path: string) => T): T[] {
  const v = o[key]
  return Array.isArray(v) ? v.map((x, i) => each(x, `${path}.${key}[${i}]`)) : fail(`${path}.${key}`, 'a list')
}

function position(o: Fields, key: string, path: string): Position {
  const p = fields(o[key], `${path}.${key}`)
  return { incarnation: name(p, 'incarnation', `${path}.${key}`), revision: count(p, 'revision', `${path}.${key}`) }
}

function strings(o: Fields, key: string, path: string): Record<string, string> {
  const map = fields(o[key], `${path}.${key}`)
  for (const k of Object.keys(map)) text(map, k, `${path}.${key}`)
  return map as Record<string, string>
}

const kinds: ReadonlySet<unknown> = new Set(desiredKinds)

function tuple(v: unknown, path: string, length: number): readonly unknown[] {
  if (!Array.isArray(v) || v.length !== length) fail(path, `a list of ${length}`)
  if (!kinds.has(v[0])) fail(`${path}[0]`, 'a kind that nodes are sent')
  return v
}

function objectId(v: unknown, path: string): ObjectId {
  const t = tuple(v, path, 3)
  if (!t.every((x) => typeof x === 'string')) fail(path, 'strings')
  return t as unknown as ObjectId
}

function inventoried(v: unknown, path: string): readonly [...ObjectId, string] {
  const t = tuple(v, path, 4)
  if (!t.every((x) => typeof x === 'string')) fail(path, 'strings')
  return t as unknown as readonly [...ObjectId, string]
}

function desired(v: unknown, path: string): readonly [DesiredKindName, KubeObject] {
  const t = tuple(v, path, 2)
  name(fields(fields(t[1], `${path}[1]`)['metadata'], `${path}[1].metadata`), 'name', `${path}[1].metadata`)
  return t as unknown as readonly [DesiredKindName, KubeObject]
}

function receipt(v: unknown, path: string): ReportReceipt {
  const o = fields(v, path)
  return { key: name(o, 'key', path), seq: count(o, 'seq', path), ...(o['refused'] === undefined ? {} : { refused: text(o, 'refused', path) }) }
}

function eventItem(o: Fields, path: string): EventItem {
  const r = fields(o['regarding'], `${path}.regarding`)
  const at = `${path}.regarding`
  const eventType = text(o, 'eventType', path)
  if (eventType !== 'Normal' && eventType !== 'Warning') fail(`${path}.eventType`, 'Normal or Warning')
  return {
    item: 'event', name: name(o, 'name', path), eventType, reason: name(o, 'reason', path), message: text(o, 'message', path), count: count(o, 'count', path),
    first: name(o, 'first', path), last: name(o, 'last', path),
    regarding: {
      kind: name(r, 'kind', at), name: name(r, 'name', at), uid: text(r, 'uid', at),
      ...(r['namespace'] === undefined ? {} : { namespace: text(r, 'namespace', at) }), ...(r['fieldPath'] === undefined ? {} : { fieldPath: text(r, 'fieldPath', at) }),
    },
  }
}

function reportItem(v: unknown, path: string): ReportItem {
  const o = fields(v, path)
  const b = fields(o['body'], `${path}.body`)
  const at = `${path}.body`
  const pod = () => ({ namespace: name(b, 'namespace', at), name: name(b, 'name', at), uid: name(b, 'uid', at) })
  const body = (): ReportBody => {
    switch (b['item']) {
      case 'pod': return { item: 'pod', ...pod(), status: fields(b['status'], `${at}.status`) as PodStatus }
      case 'gone': return { item: 'gone', ...pod() }
      case 'node': return { item: 'node', status: fields(b['status'], `${at}.status`) as NodeStatus, labels: strings(b, 'labels', at) }
      case 'event': return eventItem(b, at)
      default: return fail(`${at}.item`, 'pod, gone, node or event')
    }
  }
  return { key: name(o, 'key', path), seq: count(o, 'seq', path), body: body() }
}

/** Throws {@link BadMessageError}. */
export function decodeUp(value: unknown): UpMessage {
  const o = fields(value, 'up')
  switch (o['type']) {
    case 'hello':
      return { type: 'hello', session: name(o, 'session', 'hello'), position: o['position'] === null ? null : position(o, 'position', 'hello'), labels: strings(o, 'labels', 'hello'), version: text(o, 'version', 'hello') }
    case 'inventory':
      return { type: 'inventory', session: name(o, 'session', 'inventory'), position: position(o, 'position', 'inventory'), objects: many(o, 'objects', 'inventory', inventoried) }
    case 'ack': return { type: 'ack', session: name(o, 'session', 'ack'), position: position(o, 'position', 'ack') }
    case 'report': return { type: 'report', session: name(o, 'session', 'report'), items: many(o, 'items', 'report', reportItem) }
    case 'reply': {
      const id = name(o, 'id', 'reply')
      if (o['error'] === undefined) return { type: 'reply', id, result: o['result'] }
      const error = fields(o['error'], 'reply.error')
      return { type: 'reply', id, error: { reason: text(error, 'reason', 'reply.error'), message: text(error, 'message', 'reply.error') } }
    }
    default: return fail('up.type', 'hello, inventory, ack, report or reply')
  }
}

/** Throws {@link BadMessageError}. */
export function decodeDown(value: unknown): DownMessage {
  const o = fields(value, 'down')
  switch (o['type']) {
    case 'state':
      return {
        type: 'state', session: name(o, 'session', 'state'), from: o['from'] === null ? null : position(o, 'from', 'state'), to: position(o, 'to', 'state'),
        part: count(o, 'part', 'state'), last: flag(o, 'last', 'state'), put: many(o, 'put', 'state', desired), del: many(o, 'del', 'state', objectId),
      }
    case 'inventory': return { type: 'inventory', session: name(o, 'session', 'inventory') }
    case 'greet': return { type: 'greet' }
    case 'reported': return { type: 'reported', session: name(o, 'session', 'reported'), items: many(o, 'items', 'reported', receipt) }
    default: return fail('down.type', 'state, inventory, greet or reported')
  }
}

/** Throws {@link BadMessageError}. */
export function decodeRpc(value: unknown): RpcMessage {
  const o = fields(value, 'rpc')
  if (o['type'] !== 'call') fail('rpc.type', 'call')
  return { type: 'call', id: name(o, 'id', 'call'), method: name(o, 'method', 'call'), params: o['params'], ...(o['dial'] === undefined ? {} : { dial: name(o, 'dial', 'call') }) }
}

/** Throws {@link BadMessageError}. */
export function decodeOnline(value: unknown): OnlineMessage {
  const o = fields(value, 'online')
  return { online: flag(o, 'online', 'online'), session: name(o, 'session', 'online') }
}
