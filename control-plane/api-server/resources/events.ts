import type { Event } from '../../../shared/api/core-v1.ts'
import { define } from './define.ts'

export const events = define<Event>({
  group: '', version: 'v1', resource: 'events', kind: 'Event', namespaced: true, schema: 'core-v1.Event', shortNames: ['ev'], durability: 'volatile', ttlSeconds: 3600,
})
