/** What is told of a pod and its containers where it is not plain: ends that nobody saw, words that are too long, pods that were never taken, pods that fail while they still run. */
import { writeFile } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { makePod, makeWorld, type World } from '../harness.ts'
import type { StoredPod } from '../pod/pod-facts.ts'
import { lostStatus } from './lost-container.ts'
import { cutHead, cutTail } from './utf8.ts'

let world: World
afterEach(() => world?.close())

const ended = (name: string) => world.sink.container(name)?.state?.terminated

describe('the end of a container', () => {
  it('is OOMKilled also where the program ended well', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('p', { restartPolicy: 'Never' }))
    await world.until('ready', () => world.sink.isReady('p'))
    world.runtime.exit('uid-p-0-main-0', 0, { oomKilled: true })
    await world.until('over', () => ended('p'))
    expect(ended('p')).toMatchObject({ exitCode: 0, reason: 'OOMKilled' })
  })

  it('has last words of 4096 bytes, its share of the pod\'s 12 KiB, and whole characters', async () => {
    world = await makeWorld()
    const names = ['a', 'b', 'c', 'd']
    world.desired.put('Pod', makePod('p', { restartPolicy: 'Never', containers: names.map((name) => ({ name, image: 'busybox:1' })) }))
    await world.until('ready', () => world.sink.isReady('p'))
    for (const name of names) await writeFile(`${world.dataDir}/pods/uid-p/containers/${name}/0`, `${'x'.repeat(10_000)}${'ä'.repeat(2048)}e`)
    for (const name of names) world.runtime.exit(`uid-p-0-${name}-0`, 1)
    await world.until('over', () => world.sink.status('p')?.phase === 'Failed')
    // 4095 bytes of the file's end, from the first whole character on, of which a quarter of 12 KiB is told.
    for (const name of names) expect(world.sink.container('p', name)?.state?.terminated?.message).toBe('ä'.repeat(1536))
  })
})

describe('bytes cut to a text', () => {
  it('at the end of what is too long', () => { expect([cutHead('aää', 4), cutHead('aää', 5), cutHead('€', 2)]).toEqual(['aä', 'aää', '']) })
  it('at its beginning', () => { expect([cutTail(Buffer.from('äb'), 2), cutTail(Buffer.from('äb'), 3), cutTail(Buffer.from([0xff, 0x41]), 9)]).toEqual(['b', 'äb', '\ufffdA']) })
})

describe('a container that the engine has forgotten', () => {
  const fresh = { name: 'm', image: 'i', imageID: '', ready: false, restartCount: 0, state: { waiting: { reason: 'ContainerCreating' } }, lastState: {} }
  const runs = { ...fresh, restartCount: 2, state: { running: { startedAt: '2026-01-01T00:00:00Z' } } }
  const over = { ...fresh, restartCount: 2, state: { terminated: { exitCode: 3, reason: 'Error' } } }
  const now = { waits: false, isDeleted: false }

  it('was running: it has ended unseen, and its next try is one more', () => {
    expect(lostStatus(fresh, runs, now)).toMatchObject({ restartCount: 3, state: fresh.state, lastState: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown', message: 'The container could not be located when the pod was deleted.  The container used to be Running' } } })
  })
  it('is not tried again in a pod that is deleted', () => { expect(lostStatus(fresh, runs, { ...now, isDeleted: true }).restartCount).toBe(2) })
  it('had ended: its end stays told, or is the last state where it waits', () => {
    expect(lostStatus(fresh, over, now)).toEqual(over)
    expect(lostStatus(fresh, over, { ...now, waits: true })).toEqual({ ...fresh, restartCount: 2, lastState: over.state })
  })
  it('waited: counts and last state stay', () => { expect(lostStatus(fresh, { ...fresh, restartCount: 4, lastState: over.state }, now)).toMatchObject({ restartCount: 4, lastState: over.state }) })
  it('is begun again under the next number, and counted', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('p'))
    await world.until('ready', () => world.sink.isReady('p'))
    await world.runtime.removeContainer('uid-p-0-main-0')
    await world.until('begun again', () => world.runtime.running('main')?.attempt === 1 && world.sink.container('p')?.state?.running)
    expect(world.sink.container('p')).toMatchObject({ restartCount: 1 })
    expect(world.sink.statuses.get('p')!.flatMap((s) => s.containerStatuses?.[0]?.lastState?.terminated?.reason ?? [])).toContain('ContainerStatusUnknown')
  })
  it('was never there', () => { expect(lostStatus(fresh, undefined, now)).toBe(fresh) })
})

describe('a pod that is over', () => {
  it('has failed where it was deleted before anything ran', async () => {
    world = await makeWorld({ images: [] })
    const pod = makePod('p', { containers: [{ name: 'main', image: 'absent:1', imagePullPolicy: 'Never' }] })
    world.desired.put('Pod', pod)
    await world.until('waiting', () => world.sink.container('p')?.state?.waiting?.reason === 'ErrImageNeverPull')
    world.desired.put('Pod', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 } })
    await world.until('gone', () => world.sink.gone.includes('p'))
    expect(world.sink.status('p')).toMatchObject({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 137, reason: 'ContainerStatusUnknown', message: 'The container could not be located when the pod was terminated' } } }] })
  })

  it('has main containers that still wait where it never came to them', async () => {
    world = await makeWorld()
    world.runtime.script('first', { runFor: 1000, exitCode: 2 })
    world.desired.put('Pod', makePod('p', { restartPolicy: 'Never', initContainers: [{ name: 'first', image: 'busybox:1' }, { name: 'second', image: 'busybox:1' }] }))
    await world.until('first runs', () => world.runtime.running('first'))
    await world.clock.advance(1000)
    await world.until('failed', () => world.sink.status('p')?.phase === 'Failed')
    expect(world.sink.status('p')).toMatchObject({
      initContainerStatuses: [{ state: { terminated: { exitCode: 2 } } }, { state: { waiting: { reason: 'PodInitializing' } } }], containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
      conditions: [{}, { type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized', message: 'containers with incomplete status: [first second]' }, { type: 'Ready', reason: 'PodFailed' }, {}, {}],
    })
  })

  it('says why, and nothing of containers, where the node never took it', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('p', { containers: [{ name: 'main', image: 'busybox:1', resources: { requests: { cpu: '99' } } }] }))
    await world.until('rejected', () => world.sink.status('p')?.phase === 'Failed')
    expect(world.sink.status('p')).toMatchObject({ reason: 'OutOfcpu', message: "Pod was rejected: Node didn't have enough resource: cpu, requested: 99000, used: 0, capacity: 4000" })
    expect(world.sink.status('p')!.containerStatuses).toBeUndefined()
  })

  it('is not told as failed while its containers still end', async () => {
    world = await makeWorld()
    world.runtime.script('main', { termTakes: 'ignored' })
    world.desired.put('Pod', makePod('p', { activeDeadlineSeconds: 60 }))
    await world.until('ready', () => world.sink.isReady('p'))
    await world.clock.advance(60_000)
    await world.until('told to stop', () => world.sink.reasons('p').includes('Killing'))
    expect(world.sink.status('p')).toMatchObject({ phase: 'Running' })
    expect(world.sink.status('p')!.reason).toBeUndefined()
    expect(world.sink.isReady('p')).toBe(false)
    await world.clock.advance(30_000)
    await world.until('over', () => world.sink.status('p')?.phase === 'Failed')
    expect(world.sink.status('p')).toMatchObject({ reason: 'DeadlineExceeded', containerStatuses: [{ state: { terminated: { exitCode: 137 } } }] })
  })
})

describe('what is told of a container', () => {
  it('names its image by digest, also after the agent was replaced', async () => {
    world = await makeWorld()
    const { id } = world.runtime.addImage('registry.example/tools/busy:1')
    const pod = makePod('p', { containers: [{ name: 'main', image: 'registry.example/tools/busy:1' }] })
    world.desired.put('Pod', pod)
    await world.until('ready', () => world.sink.isReady('p'))
    expect(world.sink.container('p')?.imageID).toBe(`registry.example/tools/busy@${id}`)
    const known: StoredPod = { ...pod, status: world.sink.status('p')! }
    world.desired.put('Pod', known)
    world.sink.statuses.clear()
    await world.restart()
    await world.until('described again', () => world.sink.isReady('p'))
    expect(world.sink.container('p')?.imageID).toBe(`registry.example/tools/busy@${id}`)
  })

  it('is in the order of their names', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('p', { containers: ['z', 'a'].map((name) => ({ name, image: 'busybox:1' })) }))
    await world.until('ready', () => world.sink.isReady('p'))
    expect(world.sink.status('p')?.containerStatuses?.map((s) => s.name)).toEqual(['a', 'z'])
  })
})
