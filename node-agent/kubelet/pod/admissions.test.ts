/** A critical pod on a full node: others end for it, and it starts when they have. */
import { afterEach, expect, it } from 'vitest'
import { makePod, makeWorld, type World } from '../harness.ts'

let world: World
afterEach(() => world.close())

const asking = (name: string, cpu: string, spec: object = {}) => makePod(name, { ...spec, containers: [{ name: `in-${name}`, image: 'busybox:1', resources: { requests: { cpu } } }] })
const critical = { priority: 2_000_000_000, priorityClassName: 'system-cluster-critical' }
const started = (name: string): boolean => world.runtime.journal.includes(`startContainer in-${name}/0`)

async function fullNode(): Promise<void> {
  world = await makeWorld()
  for (const name of ['web', 'job']) {
    world.runtime.script(`in-${name}`, { termTakes: 'ignored' })
    world.desired.put('Pod', asking(name, '1500m'))
    await world.until(`${name} is ready`, () => world.sink.isReady(name))
  }
}

it('has the fewest end that give it room, waits until they have, and keeps the room from others', async () => {
  await fullNode()
  world.desired.put('Pod', asking('dns', '2', critical))
  await world.until('one is told to end', () => world.sink.events.some((e) => e.reason === 'Preempting'))
  const yields = world.sink.events.find((e) => e.reason === 'Preempting')!.regarding.name
  const stays = yields === 'web' ? 'job' : 'web'
  // The grace of 30 s is the pod's own.
  await world.clock.advance(29_000)
  world.desired.put('Pod', asking('late', '1'))
  await world.until('the late one is refused', () => world.sink.status('late')?.reason === 'OutOfcpu')
  expect(started('dns')).toBe(false)
  expect(world.sink.status('dns')).toBeUndefined()
  await world.clock.advance(1500)
  await world.until('it is ready', () => world.sink.isReady('dns'))
  expect(world.sink.status(yields)).toMatchObject({ phase: 'Failed', reason: 'Preempting', message: 'Preempted in order to admit critical pod' })
  expect(world.sink.status(yields)!.conditions).toContainEqual(expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'TerminationByKubelet', message: 'Pod was preempted by Kubelet to accommodate a critical pod.' }))
  expect(world.sink.isReady(stays)).toBe(true)
  expect(world.sink.events.filter((e) => e.reason === 'Preempting')).toMatchObject([{ type: 'Warning', message: 'Preempted in order to admit critical pod' }])
})

it('is a static pod as well; one that is no longer wanted stops waiting and never starts', async () => {
  await fullNode()
  const pod = { ...asking('dns', '4'), metadata: { ...asking('dns', '4').metadata, resourceVersion: '', annotations: { 'kubernetes.io/config.source': 'file' } } }
  world.desired.put('Pod', pod)
  await world.until('both are told to end', () => world.sink.events.filter((e) => e.reason === 'Preempting').length === 2)
  world.desired.put('Pod', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 } })
  await world.until('it is gone', () => world.sink.gone.includes('dns'))
  await world.clock.advance(31_000)
  await world.until('both have ended', () => ['web', 'job'].every((name) => world.sink.status(name)?.phase === 'Failed'))
  expect(started('dns')).toBe(false)
})

it('ends nobody on the word of an annotation: anybody may write it', async () => {
  await fullNode()
  world.desired.put('Pod', { ...asking('copy', '2'), metadata: { ...asking('copy', '2').metadata, annotations: { 'kubernetes.io/config.source': 'file' } } })
  await world.until('it is refused', () => world.sink.status('copy')?.reason === 'OutOfcpu')
})

it('waits no longer than half of the grace more, and says so', async () => {
  await fullNode()
  // An engine that ends nothing.
  world.runtime.stopContainer = () => new Promise(() => undefined)
  world.desired.put('Pod', asking('dns', '2', critical))
  await world.until('one is told to end', () => world.sink.events.some((e) => e.reason === 'Preempting'))
  await world.clock.advance(44_000)
  expect(started('dns')).toBe(false)
  await world.clock.advance(1100)
  await world.until('it is ready', () => world.sink.isReady('dns'))
  expect(world.sink.events.filter((e) => e.reason === 'ExceededGracePeriod')).toMatchObject([{ type: 'Warning', message: 'Container runtime did not kill the pod within specified grace period.' }])
})

it('yields itself to one that is more critical, which waits for what it waited for', async () => {
  await fullNode()
  world.desired.put('Pod', asking('dns', '4', critical))
  await world.until('both are told to end', () => world.sink.events.filter((e) => e.reason === 'Preempting').length === 2)
  await world.clock.advance(1000)
  world.desired.put('Pod', asking('net', '1', { priority: 2_000_001_000, priorityClassName: 'system-node-critical' }))
  await world.until('the first yields', () => world.sink.status('dns')?.reason === 'Preempting')
  expect(started('net')).toBe(false)
  await world.clock.advance(30_000)
  await world.until('it is ready', () => world.sink.isReady('net'))
  expect(started('dns')).toBe(false)
})

it('finds the room taken that pods of an earlier agent have, whichever it comes to first', async () => {
  await fullNode()
  await world.kubelet.stop()
  world.desired.put('Pod', { ...asking('a-first', '2', critical), metadata: { ...asking('a-first', '2').metadata, creationTimestamp: '2025-01-01T00:00:00Z' } })
  const list = world.desired.list.bind(world.desired)
  world.desired.list = ((kind: 'Pod') => list(kind).toReversed()) as typeof world.desired.list
  await world.restart()
  await world.until('one is told to end', () => world.sink.events.some((e) => e.reason === 'Preempting'))
  expect(started('a-first')).toBe(false)
})

it('ends nobody where all of them could not make room, and says what is lacking', async () => {
  await fullNode()
  world.desired.put('Pod', asking('dns', '5', critical))
  await world.until('it is refused', () => world.sink.status('dns')?.phase === 'Failed')
  expect(world.sink.status('dns')).toMatchObject({ reason: 'UnexpectedAdmissionError', message: 'Pod was rejected: Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods to preempt: no set of running pods found to reclaim resources: [(res: cpu, q: 1000), ]' })
  expect(['web', 'job'].every((name) => world.sink.isReady(name))).toBe(true)
})

it('an ordinary pod is refused, whatever its priority', async () => {
  await fullNode()
  world.desired.put('Pod', asking('big', '2', { priority: 1_000_000_000 }))
  await world.until('it is refused', () => world.sink.status('big')?.reason === 'OutOfcpu')
  expect(world.sink.events.some((e) => e.reason === 'Preempting')).toBe(false)
})
