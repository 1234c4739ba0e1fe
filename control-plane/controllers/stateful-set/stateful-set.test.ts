import { describe, expect, it } from 'vitest'
import { isPodActive, isPodReady } from '../../../shared/api/pod-phase.ts'
import { refs } from '../../../shared/api/refs.ts'
import { createWorld, node, type World } from '../harness.ts'

async function world(replicas: number, policy = 'OrderedReady'): Promise<World> {
  const w = createWorld()
  const client = w.source.client()
  await client.create(refs.Namespace, { metadata: { name: 'default' } })
  await client.create(refs.Node, node('pi-1'))
  await client.create(refs.StatefulSet, {
    metadata: { name: 'db', namespace: 'default' },
    spec: {
      replicas, serviceName: 'db', podManagementPolicy: policy, selector: { matchLabels: { app: 'db' } }, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      template: { metadata: { labels: { app: 'db' } }, spec: { containers: [{ name: 'c', image: 'db:1' }] } },
    },
  })
  return w
}
const key = { namespace: 'default', name: 'db' }
const pods = (w: World) => w.source.all(refs.Pod, 'default').filter(isPodActive)
const names = (w: World) => pods(w).map((p) => p.metadata.name).sort()
const status = (w: World) => w.source.all(refs.StatefulSet)[0]!.status
const allReady = (w: World, n: number, image: string) => () => pods(w).length === n && pods(w).every((p) => isPodReady(p) && p.spec?.containers[0]?.image === image) && status(w)?.readyReplicas === n

describe('stateful set', () => {
  it('starts one after another, updates from the top, scales from the top', async () => {
    const w = await world(3)
    const plane = w.start()
    const seen: string[] = []
    const late: string[] = []
    w.onStep = () => {
      for (const p of pods(w)) {
        if (seen.includes(p.metadata.name)) continue
        seen.push(p.metadata.name)
        const ordinal = Number(p.metadata.name.split('-')[1])
        for (let i = 0; i < ordinal; i++) if (!pods(w).some((q) => q.metadata.name === `db-${i}` && isPodReady(q))) late.push(p.metadata.name)
      }
    }
    await w.until('three ready', allReady(w, 3, 'db:1'))
    expect(seen).toEqual(['db-0', 'db-1', 'db-2'])
    expect(late).toEqual([])
    expect(pods(w)[0]).toMatchObject({ metadata: { labels: { 'statefulset.kubernetes.io/pod-name': 'db-0', 'apps.kubernetes.io/pod-index': '0' } }, spec: { hostname: 'db-0', subdomain: 'db' } })
    let lowest = Infinity
    const order: string[] = []
    w.onStep = () => {
      lowest = Math.min(lowest, pods(w).filter(isPodReady).length)
      for (const p of pods(w)) if (p.spec?.containers[0]?.image === 'db:2' && !order.includes(p.metadata.name)) order.push(p.metadata.name)
    }
    w.source.edit(refs.StatefulSet, key, (s) => { s.spec!.template.spec!.containers[0]!.image = 'db:2' })
    await w.until('updated', allReady(w, 3, 'db:2'))
    expect(order).toEqual(['db-2', 'db-1', 'db-0'])
    expect(lowest).toBe(2)
    await w.until('status', () => status(w)?.currentRevision === status(w)?.updateRevision && status(w)?.updatedReplicas === 3)
    w.source.edit(refs.StatefulSet, key, (s) => { s.spec!.replicas = 1 })
    await w.until('scaled', () => names(w).join() === 'db-0' && status(w)?.replicas === 1)
    await plane.stop()
  })

  it('recreates a failed pod under its name, and makes claims that stay', async () => {
    const w = await world(1, 'Parallel')
    w.source.edit(refs.StatefulSet, key, (s) => { s.spec!.replicas = 2; s.spec!.volumeClaimTemplates = [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }] })
    const plane = w.start()
    await w.until('claims', () => w.source.all(refs.PersistentVolumeClaim).length === 2 && names(w).length === 2)
    expect(w.source.all(refs.PersistentVolumeClaim).map((c) => [c.metadata.name, c.metadata.labels])).toEqual([['data-db-0', { app: 'db' }], ['data-db-1', { app: 'db' }]])
    const before = pods(w).find((p) => p.metadata.name === 'db-1')!.metadata.uid
    w.source.edit(refs.Pod, { namespace: 'default', name: 'db-1' }, (p) => { p.status = { ...p.status, phase: 'Failed' } })
    await w.until('another', () => pods(w).some((p) => p.metadata.name === 'db-1' && p.metadata.uid !== before))
    expect(w.source.all(refs.PersistentVolumeClaim)).toHaveLength(2)
    await plane.stop()
  })
})
