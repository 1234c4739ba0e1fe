import type { Event, ObjectReference } from '../../../shared/api/core-v1.ts'
import { since } from '../../../shared/values/duration.ts'
import { column, define, nameColumn } from './define.ts'
import type { FieldError } from './definition.ts'
import { invalidValue } from './findings.ts'

const firstSeen = (e: Event, now: number): string => since(e.firstTimestamp ?? e.eventTime, now)
const lastSeen = (e: Event, now: number): string => (e.series?.lastObservedTime ? since(e.series.lastObservedTime, now) : e.lastTimestamp ? since(e.lastTimestamp, now) : firstSeen(e, now))

function target(o: ObjectReference | undefined): string {
  const kind = (o?.kind ?? '').toLowerCase()
  return o?.name ? `${kind}/${o.name}` : kind
}

function source(e: Event): string {
  const component = e.source?.component || e.reportingComponent || ''
  const host = e.source?.host || e.reportingInstance || ''
  return host ? `${component}, ${host}` : component
}

function validate(event: Event): FieldError[] {
  const namespace = event.metadata?.namespace ?? ''
  const of = event.involvedObject?.namespace ?? ''
  // Events about cluster-scoped objects live in `default` (or where the component runs).
  const fits = of === '' ? namespace === 'default' || namespace === 'kube-system' : of === namespace
  return fits ? [] : [invalidValue('involvedObject.namespace', of, 'does not match event.namespace')]
}

const involved = (field: keyof ObjectReference) => (e: Event): string => e.involvedObject?.[field] ?? ''

export const events = define<Event>({
  group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true, schema: 'core-v1.Event', shortNames: ['ev'], durability: 'volatile', ttlSeconds: 3600,
  columns: [
    column('Last Seen', (e, { now }) => lastSeen(e, now), { description: 'The time at which the most recent occurrence of this event was recorded.' }),
    column('Type', (e) => e.type ?? '', { description: 'Type of this event (Normal, Warning), new types could be added in the future' }),
    column('Reason', (e) => e.reason ?? '', { description: "This should be a short, machine understandable string that gives the reason for the transition into the object's current status." }),
    column('Object', (e) => target(e.involvedObject), { description: 'The object that this event is about.' }),
    column('Subobject', (e) => e.involvedObject?.fieldPath ?? '', { wide: true, description: 'If referring to a piece of an object instead of an entire object, this string should contain a valid JSON/Go field access statement.' }),
    column('Source', source, { wide: true, description: 'The component reporting this event. Should be a short machine understandable string.' }),
    column('Message', (e) => (e.message ?? '').trim(), { description: 'A human-readable description of the status of this operation.' }),
    column('First Seen', (e, { now }) => firstSeen(e, now), { wide: true, description: 'The time at which the event was first recorded. (Time of server receipt is in TypeMeta.)' }),
    column('Count', (e) => String(e.series?.count ?? (e.count || 1)), { wide: true, description: 'The number of times this event has occurred.' }),
    { ...nameColumn, priority: 1 },
  ],
  strategy: {
    default(event) {
      event.source ??= {}
      event.reportingComponent ??= ''
      event.reportingInstance ??= ''
    },
    validate, allowCreateOnUpdate: true,
  },
  selectableFields: {
    'involvedObject.kind': involved('kind'), 'involvedObject.namespace': involved('namespace'), 'involvedObject.name': involved('name'), 'involvedObject.uid': involved('uid'),
    'involvedObject.apiVersion': involved('apiVersion'), 'involvedObject.resourceVersion': involved('resourceVersion'), 'involvedObject.fieldPath': involved('fieldPath'),
    reason: (e) => e.reason ?? '', reportingComponent: (e) => e.reportingComponent ?? '', source: (e) => e.source?.component || e.reportingComponent || '', type: (e) => e.type ?? '',
  },
})
