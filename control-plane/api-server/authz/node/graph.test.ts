import { describe, expect, it } from 'vitest'
import { systemClock } from '../../../../shared/host/clock.ts'
import { silentLog } from '../../../../shared/host/log.ts'
import { systemRandom } from '../../../../shared/host/random.ts'
import { openMemoryStore } from '../../../store/memory/memory-store.ts'
import { ObjectCache } from '../../watch/cache.ts'
import { NodeGraph } from './graph.ts'

const host = { clock: systemClock, random: systemRandom, log: silentLog }
const cluster = () => {
  const store = openMemoryStore({ host })
  const put = async (key: string, object: object): Promise<void> => {
    const done = await store.write({ type: 'put', key: `/registry/core/${key}`, value: Buffer.from(JSON.stringify(object)), expect: store.get(`/registry/core/${key}`)?.modRevision ?? 0, durability: 'volatile' })
    expect(done.ok).toBe(true)
  }
  const pod = (name: string, node: string, volumes: object[]) => put(`pods/d/${name}`, { metadata: { name, namespace: 'd' }, spec: { nodeName: node, containers: [], volumes } })
  return { store, put, pod, graph: new NodeGraph({ store, objects: new ObjectCache(), rules: [] }) }
}
const claim = (claimName: string) => [{ name: 'v', persistentVolumeClaim: { claimName } }]

describe('the graph of nodes', () => {
  it('leads from a node over its pods and claims to volumes and the secrets these need', async () => {
    const { graph, put, pod } = cluster()
    await put('persistentvolumes/pv', { metadata: { name: 'pv' }, spec: { claimRef: { namespace: 'd', name: 'data' }, csi: { nodePublishSecretRef: { namespace: 'storage', name: 'mount' } } } })
    await pod('a', 'n1', claim('data'))
    const sees = (node: string) => [graph.related(node, 'claim', 'd', 'data'), graph.related(node, 'volume', '', 'pv'), graph.related(node, 'secret', 'storage', 'mount')]
    expect(sees('n1')).toEqual([true, true, true])
    expect(sees('n2')).toEqual([false, false, false])
  })

  it('gives a mirror pod, which its node made, nothing', async () => {
    const { graph, put } = cluster()
    await put('pods/d/m', { metadata: { name: 'm', namespace: 'd', annotations: { 'kubernetes.io/config.mirror': 'x' } }, spec: { nodeName: 'n1', containers: [], volumes: [{ name: 's', secret: { secretName: 's' } }] } })
    expect(graph.related('n1', 'secret', 'd', 's')).toBe(false)
    expect(graph.related('n1', 'pod', 'd', 'm')).toBe(true)
  })

  it('answers from 10,000 pods as fast as from ten', async () => {
    const time = async (pods: number): Promise<number> => {
      const { graph, pod } = cluster()
      for (let i = 0; i < pods; i++) await pod(`p${i}`, `n${i % 10}`, [{ name: 's', secret: { secretName: `s${i}` } }])
      expect([graph.related('n1', 'secret', 'd', 's1'), graph.related('n2', 'secret', 'd', 's1')]).toEqual([true, false])
      const start = process.hrtime.bigint()
      for (let i = 0; i < 20_000; i++) graph.related('n1', 'secret', 'd', `s${i}`)
      return Number(process.hrtime.bigint() - start) / 20_000
    }
    const [few, many] = [await time(10), await time(10_000)]
    console.info(`node graph: ${Math.round(few)} ns a question with 10 pods, ${Math.round(many)} ns with 10,000`)
    // A walk over the pods would be a thousand times slower, not a few.
    expect(many).toBeLessThan(few * 20 + 2_000)
  })
})
