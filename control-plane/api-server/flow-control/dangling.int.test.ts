/** Whether a FlowSchema's priority level exists is in its status, whichever of the two comes first. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { FlowSchema } from '../../../shared/api/flowcontrol-v1.ts'
import { refs } from '../../../shared/api/refs.ts'
import { startFakeCluster, type FakeCluster } from '../fake-cluster.ts'

let cluster: FakeCluster
beforeAll(async () => { cluster = await startFakeCluster() })
afterAll(() => cluster.close())

const rules = [{ subjects: [{ kind: 'User', user: { name: 'x' } }], nonResourceRules: [{ verbs: ['*'], nonResourceURLs: ['*'] }] }]

async function until(name: string, reason: string): Promise<FlowSchema> {
  const list = await cluster.admin.list(refs.FlowSchema)
  const good = (s: FlowSchema): boolean => s.metadata?.name === name && s.status?.conditions?.some((c) => c.type === 'Dangling' && c.reason === reason) === true
  const there = list.items.find(good)
  if (there) return there
  const stop = new AbortController()
  for await (const event of cluster.admin.watch(refs.FlowSchema, { resourceVersion: list.metadata.resourceVersion ?? '' }, stop.signal)) {
    if (event.type === 'BOOKMARK' || !good(event.object)) continue
    stop.abort()
    return event.object
  }
  throw new Error('the watch ended')
}

it('of those that come with the cluster', async () => {
  expect((await until('catch-all', 'Found')).status?.conditions).toMatchObject([{ type: 'Dangling', status: 'False', message: 'This FlowSchema references the PriorityLevelConfiguration object named "catch-all" and it exists' }])
})

it('before, while and after there is one', async () => {
  await cluster.admin.create(refs.FlowSchema, { metadata: { name: 'mine' }, spec: { priorityLevelConfiguration: { name: 'later' }, rules } })
  const dangling = await until('mine', 'NotFound')
  expect(dangling.status?.conditions).toMatchObject([{ status: 'True', message: 'This FlowSchema references the PriorityLevelConfiguration object named "later" but there is no such object' }])
  await cluster.admin.create(refs.PriorityLevelConfiguration, { metadata: { name: 'later' }, spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } } })
  expect((await until('mine', 'Found')).metadata?.generation).toBe(1)
  await cluster.admin.delete(refs.PriorityLevelConfiguration, { name: 'later' })
  await until('mine', 'NotFound')
})
