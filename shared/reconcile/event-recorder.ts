/**
 * Writes core/v1 Events about objects, as client-go's `tools/record` does: the same thing said again raises the count of its event;
 * many similar ones (same reason, other message) become one "combined" event; one that floods is held back.
 *
 * Recording never fails and never blocks its caller: events are written one after the other in the background; what cannot be written is logged.
 */
import type { Event } from '../api/core-v1.ts'
import { apiVersionOf, type KubeObject, type ResourceRef, type Stored } from '../api/object.ts'
import { refs } from '../api/refs.ts'
import { isNotFound, messageOf } from '../base/errors.ts'
import type { Host } from '../base/host.ts'
import type { ApiClient } from '../client/api-client.ts'
import { createEventCorrelator } from './event-correlator.ts'

export interface EventRecorder {
  /**
   * `ref` gives kind and version, which objects of lists and watches do not carry. `reason` is CamelCase, `message` for people.
   * `fieldPath` names a part of the object, such as `spec.containers{web}`.
   */
  event(ref: ResourceRef, object: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string, fieldPath?: string): void
  /** Resolves when everything recorded so far is written or given up. */
  flush(): Promise<void>
}

/** Events waiting to be written; above this new ones are dropped and counted in the log. Upstream's broadcaster queues 1000 too. */
const maxQueued = 1000
/** API limit on an event's message (`core/validation`: 1 kB; longer ones are cut). */
const maxMessage = 1024

export interface EventRecorderOptions {
  readonly client: Pick<ApiClient, 'create' | 'patch'>
  readonly host: Host
  /** `source.component`: `default-scheduler`, `deployment-controller`, `kubelet`. */
  readonly component: string
  /** `source.host`: the node, where a node speaks. */
  readonly sourceHost?: string
}

export function createEventRecorder(options: EventRecorderOptions): EventRecorder {
  const { client, component, sourceHost = '' } = options
  const { clock, random } = options.host
  const log = options.host.log.child('events')
  const correlator = createEventCorrelator()
  let tail: Promise<void> = Promise.resolve()
  let queued = 0
  let dropped = 0

  const write = async (event: Event): Promise<void> => {
    const decision = correlator.observe(event, clock.monotonic())
    if (decision.kind === 'suppress') return
    const { key, message } = decision
    const namespace = event.metadata.namespace ?? 'default'
    if (decision.kind === 'repeat') {
      try {
        await client.patch(refs.Event, { namespace, name: decision.name }, 'application/strategic-merge-patch+json', { message, count: decision.count, lastTimestamp: event.lastTimestamp ?? null })
        return
      } catch (e) {
        if (!isNotFound(e)) throw e
        // The event has expired meanwhile: it starts anew, with its count.
      }
    }
    const name = nameFor(event.involvedObject.name ?? 'unknown')
    await client.create(refs.Event, { ...event, metadata: { name, namespace }, message, count: decision.count })
    correlator.created(key, name)
  }
  const nameFor = (object: string): string => `${object}.${(BigInt(clock.now()) * 1_000_000n + BigInt(Math.floor(random.float() * 1e6))).toString(16)}`

  return {
    event(ref, object, type, reason, message, fieldPath) {
      if (queued >= maxQueued) {
        if (dropped++ % 100 === 0) log.warn('events dropped: writing is too slow', { dropped })
        return
      }
      const event = eventFor({ ref, object, type, reason, message, fieldPath, component, sourceHost, now: new Date(clock.now()).toISOString().replace(/\.\d+Z$/, 'Z') })
      queued++
      tail = tail.then(async () => {
        try { await write(event) } catch (e) { log.warn('event not written', { reason, error: messageOf(e) }) } finally { queued-- }
      })
    },
    flush: () => tail,
  }
}

function eventFor(o: { ref: ResourceRef; object: KubeObject; type: string; reason: string; message: string; fieldPath: string | undefined; component: string; sourceHost: string; now: string }): Event {
  const meta = (o.object as Stored<KubeObject>).metadata
  return {
    apiVersion: 'v1', kind: 'Event',
    metadata: { namespace: meta.namespace ?? 'default' },
    involvedObject: {
      kind: o.ref.kind, apiVersion: apiVersionOf(o.ref), name: meta.name,
      ...(meta.namespace ? { namespace: meta.namespace } : {}),
      ...(meta.uid ? { uid: meta.uid } : {}),
      ...(meta.resourceVersion ? { resourceVersion: meta.resourceVersion } : {}),
      ...(o.fieldPath ? { fieldPath: o.fieldPath } : {}),
    },
    type: o.type, reason: o.reason, message: o.message.length > maxMessage ? `${o.message.slice(0, maxMessage - 3)}...` : o.message,
    source: { component: o.component, ...(o.sourceHost ? { host: o.sourceHost } : {}) },
    firstTimestamp: o.now, lastTimestamp: o.now, count: 1,
    reportingComponent: o.component, reportingInstance: o.sourceHost,
  }
}
