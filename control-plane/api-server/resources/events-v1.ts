/** events.k8s.io/v1: the objects of core's events under newer names (`pkg/apis/events/v1/conversion.go`). Pure. */
import type { Event as CoreEvent } from '../../../shared/api/core-v1.ts'
import type { Event } from '../../../shared/api/events-v1.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import { define } from './define.ts'
import type { Column } from './definition.ts'
import { events } from './events.ts'

/** Core's name to ours; what is not here is called the same in both. */
const renamed = {
  involvedObject: 'regarding', message: 'note', reportingComponent: 'reportingController', source: 'deprecatedSource', firstTimestamp: 'deprecatedFirstTimestamp', lastTimestamp: 'deprecatedLastTimestamp', count: 'deprecatedCount',
} as const satisfies Partial<Record<keyof CoreEvent, keyof Event>>
const original = Object.fromEntries(Object.entries(renamed).map(([core, ours]) => [ours, core]))

const rename = (object: KubeObject, names: Readonly<Record<string, string>>): KubeObject => Object.fromEntries(Object.entries(object).map(([key, value]) => [names[key] ?? key, value])) as KubeObject

export const eventFromV1 = (object: KubeObject): KubeObject => rename(object, original)
export const eventToV1 = (object: KubeObject): KubeObject => ({ ...rename(object, renamed), apiVersion: 'events.k8s.io/v1' })

const columns: readonly Column<Event>[] = events.columns.map((c) => ({ ...c, value: (event, context) => c.value(eventFromV1(event), context) }))
const fields = events.selectableFields ?? {}

export const eventsV1 = define<Event>({
  group: 'events.k8s.io', version: 'v1', resource: 'events', kind: 'Event', namespaced: true, schema: 'events-v1.Event', shortNames: ['ev'], durability: 'volatile', ttlSeconds: 3600, columns,
  storage: { definition: events, toStorage: eventFromV1, fromStorage: eventToV1 },
  selectableFields: Object.fromEntries(Object.entries(fields).map(([name, read]) => [
    name.startsWith('involvedObject.') ? name.replace('involvedObject', 'regarding') : name === 'reportingComponent' ? 'reportingController' : name, read,
  ])) as Record<string, (event: Event) => string>,
})
