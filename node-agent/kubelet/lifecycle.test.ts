import { afterEach, describe, expect, it } from 'vitest'
import { makePod, makeWorld, type World } from './harness.ts'

let world: World
afterEach(() => world.close())

const deleted = <T extends { metadata: object }>(pod: T, seconds = 30): T => ({ ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: seconds } })
const main = (lifecycle: object, more: object = {}) => ({ containers: [{ name: 'main', image: 'busybox:1', lifecycle, ...more }] })
const journal = (w: World): string[] => w.runtime.journal.filter((l) => /^(startContainer|stopContainer|execSync)/.test(l))

describe('postStart', () => {
  it('is part of the start: the container shows as being created, and the next one waits', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('p', { containers: [{ name: 'main', image: 'busybox:1', lifecycle: { postStart: { sleep: { seconds: 5 } } } }, { name: 'second', image: 'busybox:1' }] }))
    await world.until('first runs', () => world.runtime.running('main'))
    await world.until('said', () => world.sink.container('p', 'main'))
    expect(world.sink.container('p', 'main')).toMatchObject({ ready: false, started: false, state: { waiting: { reason: 'ContainerCreating' } } })
    await world.clock.advance(4900)
    expect(world.runtime.running('second')).toBeUndefined()
    await world.clock.advance(100)
    await world.until('both ready', () => world.sink.isReady('p'))
    expect(world.runtime.running('second')).toBeDefined()
  })

  it('kills a container whose hook fails, tells it without what the hook printed, and backs off', async () => {
    world = await makeWorld({ exec: () => ({ exitCode: 3, stderr: 'the password is x' }) })
    world.desired.put('Pod', makePod('p', main({ postStart: { exec: { command: ['false', '1'] } } })))
    await world.until('waiting', () => world.sink.container('p')?.state?.waiting?.reason === 'PostStartHookError')
    expect(world.sink.container('p')?.state?.waiting?.message).toBe('Exec lifecycle hook ([false 1]) for Container "main" in Pod "p_default(uid-p)" failed - error: command \'false 1\' exited with 3: the password is x, message: "the password is x"')
    const told = world.sink.events.filter((e) => ['FailedPostStartHook', 'Killing'].includes(e.reason)).map((e) => `${e.type} ${e.reason} ${e.message}`)
    expect(told.slice(0, 2)).toEqual(['Warning FailedPostStartHook PostStartHook failed', 'Normal Killing FailedPostStartHook'])
    await world.until('back-off', () => world.sink.container('p')?.state?.waiting?.reason === 'CrashLoopBackOff')
    expect(world.sink.container('p')?.restartCount).toBe(1)
  })
})

describe('preStop', () => {
  it('runs before the signal, and its time is taken from the grace', async () => {
    world = await makeWorld()
    world.runtime.script('main', { termTakes: 'ignored' })
    const pod = makePod('p', main({ preStop: { sleep: { seconds: 10 } } }))
    world.desired.put('Pod', pod)
    await world.until('ready', () => world.sink.isReady('p'))
    world.desired.put('Pod', deleted(pod))
    await world.until('killing', () => world.sink.reasons('p').includes('Killing'))
    await world.clock.advance(9000)
    expect(journal(world).some((l) => l.startsWith('stopContainer'))).toBe(false)
    await world.clock.advance(1000)
    await world.until('signal', () => journal(world).some((l) => l.startsWith('stopContainer')))
    await world.clock.advance(19_900)
    expect(world.runtime.running('main')).toBeDefined()
    await world.clock.advance(100)
    await world.until('gone', () => world.sink.gone.includes('p'))
  })

  it('is given up when the grace is over, with two seconds left to end', async () => {
    world = await makeWorld()
    world.runtime.script('main', { termTakes: 'ignored' })
    const pod = makePod('p', main({ preStop: { sleep: { seconds: 100 } } }))
    world.desired.put('Pod', pod)
    await world.until('ready', () => world.sink.isReady('p'))
    world.desired.put('Pod', deleted(pod, 5))
    await world.until('killing', () => world.sink.reasons('p').includes('Killing'))
    await world.clock.advance(5000)
    await world.until('signal', () => journal(world).some((l) => l.startsWith('stopContainer')))
    await world.clock.advance(1900)
    expect(world.runtime.running('main')).toBeDefined()
    await world.clock.advance(100)
    await world.until('gone', () => world.sink.gone.includes('p'))
  })

  it('is left out without grace, and cut short by a later deletion in a hurry', async () => {
    world = await makeWorld()
    const [hurried, forced] = [makePod('hurried', main({ preStop: { sleep: { seconds: 20 } } })), makePod('forced', main({ preStop: { sleep: { seconds: 20 } } }))]
    for (const p of [hurried, forced]) world.desired.put('Pod', p)
    await world.until('ready', () => world.sink.isReady('hurried') && world.sink.isReady('forced'))
    world.desired.put('Pod', deleted(forced, 0))
    await world.until('gone', () => world.sink.gone.includes('forced'))
    world.desired.put('Pod', deleted(hurried, 30))
    await world.until('killing', () => world.sink.reasons('hurried').includes('Killing'))
    world.desired.put('Pod', deleted(hurried, 0))
    await world.until('gone', () => world.sink.gone.includes('hurried'))
  })

  it('leaves nothing to be said of a pod that was deleted without grace', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('p'))
    await world.until('ready', () => world.sink.isReady('p'))
    world.desired.remove('Pod', 'default', 'p')
    await world.until('forgotten', () => world.sink.forgotten.includes('p'))
    expect(world.sink.gone).toEqual([])
  })

  it('tells of a hook that failed, and stops the container all the same', async () => {
    world = await makeWorld({ exec: () => ({ exitCode: 1 }) })
    const pod = makePod('p', main({ preStop: { exec: { command: ['bye'] } } }))
    world.desired.put('Pod', pod)
    await world.until('ready', () => world.sink.isReady('p'))
    world.desired.put('Pod', deleted(pod))
    await world.until('gone', () => world.sink.gone.includes('p'))
    expect(world.sink.events.find((e) => e.reason === 'FailedPreStopHook')).toMatchObject({ type: 'Warning', message: 'PreStopHook failed', regarding: { fieldPath: 'spec.containers{main}' } })
  })
})

it('asks a container that is being stopped whether it still serves, but restarts it no more', async () => {
  let healthy = true
  world = await makeWorld({ probes: { http: async () => (healthy ? { ok: true, output: '' } : { ok: false, output: 'no' }) } })
  const probe = { httpGet: { port: 80, path: '/' }, periodSeconds: 1, failureThreshold: 1 }
  const pod = makePod('p', main({ preStop: { sleep: { seconds: 20 } } }, { readinessProbe: probe, livenessProbe: probe }))
  world.desired.put('Pod', pod)
  await world.until('running', () => world.runtime.running('main') && world.sink.container('p')?.started)
  await world.clock.advance(0)
  await world.until('ready', () => world.sink.isReady('p'))
  world.desired.put('Pod', deleted(pod))
  await world.until('killing', () => world.sink.reasons('p').includes('Killing'))
  await world.clock.advance(1000)
  expect(world.sink.isReady('p')).toBe(true)
  healthy = false
  await world.clock.advance(1000)
  await world.until('unready', () => !world.sink.isReady('p'))
  await world.clock.advance(3000)
  expect(world.sink.events.filter((e) => e.message.startsWith('Liveness'))).toEqual([])
})

describe('a container whose image is changed', () => {
  const named = (name: string, image: string, policy = 'Always') => makePod(name, { restartPolicy: policy, containers: [{ name: 'main', image, imagePullPolicy: 'IfNotPresent' }] })

  it.each(['Always', 'Never'])('is stopped and started with the new one, whatever the policy (%s)', async (policy) => {
    world = await makeWorld({ images: ['busybox:1', 'busybox:2'] })
    world.desired.put('Pod', named('p', 'busybox:1', policy))
    await world.until('ready', () => world.sink.isReady('p'))
    world.desired.put('Pod', named('p', 'busybox:2', policy))
    await world.until('the other runs', () => world.sink.container('p')?.state?.running && world.sink.container('p')?.image === 'busybox:2')
    expect(world.sink.container('p')).toMatchObject({ restartCount: 1, lastState: { terminated: { exitCode: 143 } } })
    expect(world.sink.events.find((e) => e.reason === 'Killing')?.message).toBe('Container main definition changed, will be restarted')
    expect(world.runtime.specOf('uid-p-0-main-1')?.image).toBe((await world.runtime.image('busybox:2'))?.id)
    await world.restart()
    expect(world.runtime.journal.filter((l) => l.startsWith('startContainer'))).toHaveLength(2)
  })

  it('does not wait out the back-off of the image that could not be pulled', async () => {
    world = await makeWorld({ images: ['busybox:2'], registry: () => ({ fails: { code: 'pull-failed', message: 'no such tag' } }) })
    world.desired.put('Pod', named('p', 'busybox:typo'))
    await world.until('refused', () => world.sink.container('p')?.state?.waiting?.reason === 'ErrImagePull')
    world.desired.put('Pod', named('p', 'busybox:2'))
    await world.until('ready', () => world.sink.isReady('p'))
  })

  it('is not started with the one that was being pulled', async () => {
    world = await makeWorld({ images: ['busybox:2'], registry: () => ({ takes: 1000 }) })
    world.desired.put('Pod', named('p', 'busybox:1'))
    await world.until('pulling', () => world.sink.reasons('p').includes('Pulling'))
    world.desired.put('Pod', named('p', 'busybox:2'))
    await world.clock.advance(1000)
    await world.until('ready', () => world.sink.isReady('p'))
    expect(world.runtime.specOf('uid-p-0-main-0')?.image).toBe((await world.runtime.image('busybox:2'))?.id)
  })
})

it('a pod that is deleted by force has two seconds, however long its deletion was to take', async () => {
  world = await makeWorld()
  world.runtime.script('main', { termTakes: 'ignored' })
  const pod = makePod('p', { terminationGracePeriodSeconds: 600 })
  world.desired.put('Pod', pod)
  await world.until('ready', () => world.sink.isReady('p'))
  world.desired.put('Pod', deleted(pod, 600))
  await world.until('told to stop', () => world.sink.reasons('p').includes('Killing'))
  await world.clock.advance(5000)
  world.desired.remove('Pod', 'default', 'p')
  await world.until('told again', () => journal(world).filter((l) => l.startsWith('stopContainer')).length === 2)
  await world.clock.advance(1900)
  expect(world.runtime.running('main')).toBeDefined()
  await world.clock.advance(200)
  await world.until('forgotten', () => world.sink.forgotten.includes('p'))
})
