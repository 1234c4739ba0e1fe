import { readFile, readdir } from 'node:fs/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { PodStatus } from '../../shared/api/core-v1.ts'
import { makePod, makeWorld, type World } from './harness.ts'
import { RuntimeError } from '../runtime/runtime.ts'

let world: World
afterEach(() => world.close())

describe('a pod', () => {
  it('is started, reported ready, and taken down without leaving anything', async () => {
    world = await makeWorld()
    const pod = makePod('web')
    world.desired.put('Pod', pod)
    await world.until('ready', () => world.sink.isReady('web'))
    expect(world.sink.status('web')).toMatchObject({
      phase: 'Running', podIP: '10.1.0.5', podIPs: [{ ip: '10.1.0.5' }], hostIP: '192.0.2.10', qosClass: 'BestEffort',
      containerStatuses: [{ name: 'main', ready: true, started: true, restartCount: 0, containerID: 'containerd://uid-web-0-main-0' }],
    })
    expect(world.sink.statuses.get('web')![0]).toMatchObject({ phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ContainerCreating' } } }] })
    expect(world.sink.reasons('web')).toEqual(['Pulled', 'Created', 'Started'])
    expect(await readFile(`${world.dataDir}/pods/uid-web/etc-hosts`, 'utf8')).toContain('10.1.0.5\tweb\n')

    world.desired.put('Pod', { ...pod, metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 } })
    await world.until('gone', () => world.sink.gone.includes('web'))
    expect((await world.runtime.list()).sandboxes).toEqual([])
    expect(await readdir(`${world.dataDir}/pods`)).toEqual([])
    expect(world.attached.size).toBe(0)
    expect(world.sink.status('web')).toMatchObject({ phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 143, reason: 'Error' } } }] })
  })

  it('is restarted with the back-off of upstream: at once, then after 10 s, then after 20 s', async () => {
    world = await makeWorld()
    world.runtime.script('main', { runFor: 1000, exitCode: 1 })
    world.desired.put('Pod', makePod('crash'))
    const starts = () => world.runtime.journal.filter((l) => l.startsWith('startContainer')).length
    await world.until('first start', () => starts() === 1)
    await world.clock.advance(1000)
    await world.until('second start, at once', () => starts() === 2)
    await world.clock.advance(1000)
    await world.until('back-off', () => world.sink.container('crash')?.state?.waiting?.reason === 'CrashLoopBackOff')
    expect(world.sink.container('crash')).toMatchObject({
      restartCount: 1, state: { waiting: { message: 'back-off 10s restarting failed container=main pod=crash_default(uid-crash)' } }, lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    })
    await world.clock.advance(9900)
    expect(starts()).toBe(2)
    await world.clock.advance(100)
    await world.until('third start', () => starts() === 3)
    await world.clock.advance(1000)
    await world.until('longer back-off', () => world.sink.container('crash')?.state?.waiting?.message?.includes('back-off 20s'))
    expect(world.sink.events.filter((e) => e.reason === 'BackOff')[0]?.message).toBe('Back-off restarting failed container main in pod crash_default(uid-crash)')
  })

  it('is adopted by the next agent without a restart, and recreated after a reboot with a count', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('web'))
    await world.until('ready', () => world.sink.isReady('web'))
    const starts = () => world.runtime.journal.filter((l) => l.startsWith('startContainer'))
    world.sink.statuses.clear()
    await world.restart()
    await world.until('described again', () => world.sink.isReady('web'))
    expect(starts()).toEqual(['startContainer main/0'])
    expect(world.sink.statuses.get('web')!.every((s) => s.phase === 'Running' && s.podIP === '10.1.0.5')).toBe(true)

    await world.kubelet.stop()
    world.runtime.reboot()
    await world.restart()
    await world.until('recreated', () => world.sink.container('web')?.restartCount === 1 && world.sink.isReady('web'))
    expect(world.runtime.running('main')?.sandboxId).toBe('uid-web-1')
    expect(world.sink.container('web')?.lastState?.terminated?.exitCode).toBe(137)
  })

  it('does not lose what falls due while a pod is being looked at', async () => {
    world = await makeWorld({ registry: () => ({ fails: { code: 'pull-failed', message: 'no such host' } }) })
    const { clock, sink } = world
    const reason = (): string | undefined => sink.container('img')?.state?.waiting?.reason
    world.desired.put('Pod', makePod('img', { containers: [{ name: 'main', image: 'example.com/app:1' }] }))
    await world.until('error', () => reason() === 'ErrImagePull')
    await clock.advance(2000)
    await world.until('back-off', () => reason() === 'ImagePullBackOff')
    const [now, tell] = [clock.monotonic.bind(clock), sink.podStatus.bind(sink)]
    let late = 0
    clock.monotonic = () => now() + late
    // The error is to be shown for 2 s; saying so takes longer than that, and no timer fires.
    sink.podStatus = (pod, status) => { tell(pod, status); if (reason() === 'ErrImagePull') late = 2500 }
    await clock.advance(8000)
    await world.until('error once more', () => late > 0)
    await world.until('back-off once more', () => reason() === 'ImagePullBackOff')
  })

  it('shows a missing image as upstream does and recovers', async () => {
    let there = false
    world = await makeWorld({ registry: () => (there ? {} : { fails: { code: 'pull-failed', message: 'no such host' } }) })
    world.desired.put('Pod', makePod('img', { containers: [{ name: 'main', image: 'example.com/app:1' }] }))
    await world.until('error', () => world.sink.container('img')?.state?.waiting?.reason === 'ErrImagePull')
    expect(world.sink.container('img')?.state?.waiting?.message).toBe('no such host')
    await world.clock.advance(2000)
    await world.until('back-off', () => world.sink.container('img')?.state?.waiting?.reason === 'ImagePullBackOff')
    expect(world.sink.container('img')?.state?.waiting?.message).toBe('Back-off pulling image "example.com/app:1": ErrImagePull: no such host')
    expect(world.sink.events.map((e) => e.message)).toContain('Failed to pull image "example.com/app:1": no such host')
    there = true
    await world.clock.advance(8000)
    await world.until('running', () => world.sink.isReady('img'))
  })

  it('waits for its ConfigMap and says so', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('cfg', { containers: [{ name: 'main', image: 'busybox:1', envFrom: [{ configMapRef: { name: 'settings' } }] }] }))
    await world.until('config error', () => world.sink.container('cfg')?.state?.waiting?.reason === 'CreateContainerConfigError')
    expect(world.sink.container('cfg')?.state?.waiting?.message).toBe('configmap "settings" not found')
    world.desired.put('ConfigMap', { metadata: { name: 'settings', namespace: 'default' }, data: { A: '1' } } as never)
    await world.until('running', () => world.sink.isReady('cfg'))
    expect(world.runtime.specOf(world.runtime.running('main')!.id)?.env).toContainEqual({ name: 'A', value: '1' })
  })

  it('has its volumes brought up to date in place', async () => {
    world = await makeWorld()
    const map = (text: string): never => ({ metadata: { name: 'page', namespace: 'default' }, data: { 'index.html': text } }) as never
    world.desired.put('ConfigMap', map('one'))
    world.desired.put('Pod', makePod('web', {
      containers: [{ name: 'main', image: 'busybox:1', volumeMounts: [{ name: 'page', mountPath: '/www' }, { name: 'tok', mountPath: '/var/run/secrets' }] }],
      volumes: [{ name: 'page', configMap: { name: 'page' } }, { name: 'tok', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
    }))
    await world.until('ready', () => world.sink.isReady('web'))
    const spec = world.runtime.specOf(world.runtime.running('main')!.id)!
    const source = (target: string): string => spec.mounts.find((m) => m.target === target)!.source
    expect(await readFile(`${source('/www')}/index.html`, 'utf8')).toBe('one')
    expect(await readFile(`${source('/var/run/secrets')}/token`, 'utf8')).toBe('a.b.c')
    expect(source('/var/run/secrets')).toContain('/memory/')
    world.desired.put('ConfigMap', map('two'))
    let seen = ''
    await world.until('updated', () => { void readFile(`${source('/www')}/index.html`, 'utf8').then((t) => { seen = t }); return seen === 'two' })
    expect(world.runtime.journal.filter((l) => l.startsWith('startContainer')).length).toBe(1)
  })

  it('runs init containers in order before the others', async () => {
    world = await makeWorld()
    world.runtime.script('first', { runFor: 100 })
    world.runtime.script('second', { runFor: 100 })
    world.desired.put('Pod', makePod('init', { initContainers: [{ name: 'first', image: 'busybox:1' }, { name: 'second', image: 'busybox:1' }] }))
    await world.until('first', () => world.runtime.running('first'))
    expect(world.sink.container('init')?.state?.waiting?.reason).toBe('PodInitializing')
    await world.clock.advance(100)
    await world.until('second', () => world.runtime.running('second'))
    expect(world.runtime.running('main')).toBeUndefined()
    await world.clock.advance(100)
    await world.until('ready', () => world.sink.isReady('init'))
    expect(world.sink.status('init')?.initContainerStatuses?.map((s) => s.state?.terminated?.reason)).toEqual(['Completed', 'Completed'])
  })

  it('ends as Succeeded and gives its network back, keeping its containers for logs', async () => {
    world = await makeWorld()
    world.runtime.script('main', { runFor: 1000, exitCode: 0 })
    world.desired.put('Pod', makePod('job', { restartPolicy: 'Never' }))
    await world.until('running', () => world.runtime.running('main'))
    await world.clock.advance(1000)
    await world.until('succeeded', () => world.sink.status('job')?.phase === 'Succeeded' && world.attached.size === 0)
    expect(world.kubelet.containerFor('default', 'job').current?.exitCode).toBe(0)
    expect(world.sink.status('job')?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({ status: 'False', reason: 'PodCompleted' })
    // As upstream's: where it was stays known.
    await world.until('released', () => world.sink.status('job')?.conditions?.some((c) => c.type === 'PodReadyToStartContainers' && c.status === 'False'))
    expect(world.sink.status('job')).toMatchObject({ podIP: '10.1.0.5', podIPs: [{ ip: '10.1.0.5' }] })
  })

  it('shows a command that cannot be run', async () => {
    world = await makeWorld()
    world.runtime.script('main', { failStart: { code: 'start-failed', message: 'exec: "nope": executable file not found in $PATH', exitCode: 127 } })
    world.desired.put('Pod', makePod('bad'))
    await world.until('back-off', () => world.sink.container('bad')?.state?.waiting?.reason === 'CrashLoopBackOff')
    expect(world.sink.container('bad')?.lastState?.terminated).toMatchObject({ reason: 'StartError', exitCode: 127, message: 'exec: "nope": executable file not found in $PATH' })
    expect(world.sink.events.map((e) => e.message)).toContain('Error: exec: "nope": executable file not found in $PATH')
  })

  it('is refused by name where it needs what this node lacks', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('csi', { containers: [{ name: 'main', image: 'busybox:1', volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', csi: { driver: 'x' } }, { name: 'unused', rbd: { image: 'i', monitors: [] } }] }))
    await world.until('event', () => world.sink.reasons('csi').includes('FailedMount'))
    expect(world.sink.events.at(-1)?.message).toBe('MountVolume.SetUp failed for volume "v" : volume kind csi is not supported on this node')
    expect(world.runtime.running('main')).toBeUndefined()
  })

  it('survives a runtime that fails for a while', async () => {
    world = await makeWorld()
    world.runtime.failNext('runSandbox', new RuntimeError('unavailable', 'no engine'))
    world.desired.put('Pod', makePod('web'))
    await world.until('event', () => world.sink.reasons('web').includes('FailedCreatePodSandBox'))
    expect(world.sink.events.find((e) => e.reason === 'FailedCreatePodSandBox')?.message).toBe('Failed to create pod sandbox: no engine')
    await world.clock.advance(500)
    await world.until('ready', () => world.sink.isReady('web'))
  })

  it('fails when its deadline is over', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('late', { activeDeadlineSeconds: 5 }))
    await world.until('ready', () => world.sink.isReady('late'))
    await world.clock.advance(5000)
    await world.until('failed', () => world.sink.status('late')?.phase === 'Failed' && !world.runtime.running('main'))
    expect(world.sink.status('late')).toMatchObject({ reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' })
  })
})

describe('what is not desired', () => {
  it('is left alone while the desired state is unknown, and removed once it is known', async () => {
    world = await makeWorld()
    world.desired.put('Pod', makePod('web'))
    await world.until('ready', () => world.sink.isReady('web'))
    await world.kubelet.stop()
    world.desired.remove('Pod', 'default', 'web')
    world.desired.known = false
    await world.restart()
    await world.clock.advance(1000)
    expect(world.runtime.running('main')).toBeDefined()
    world.desired.known = true
    await world.restart()
    await world.until('removed', () => world.runtime.journal.includes('removeSandbox uid-web-0'))
    expect(await world.runtime.list()).toEqual({ sandboxes: [], containers: [] })
  })
})

describe('probes', () => {
  it('restart a container that fails its liveness probe', async () => {
    let healthy = true
    world = await makeWorld({ probes: { http: async () => (healthy ? { ok: true, output: '' } : { ok: false, output: 'HTTP probe failed with statuscode: 500' }) } })
    world.desired.put('Pod', makePod('web', { containers: [{ name: 'main', image: 'busybox:1', livenessProbe: { httpGet: { port: 80 }, periodSeconds: 1, failureThreshold: 2 } }] }))
    await world.until('ready', () => world.sink.isReady('web'))
    await world.clock.advance(10)
    healthy = false
    await world.clock.advance(2000)
    await world.until('restarted', () => world.sink.container('web')?.restartCount === 1)
    const messages = world.sink.events.map((e) => e.message)
    expect(messages).toContain('Liveness probe failed: HTTP probe failed with statuscode: 500')
    expect(messages).toContain('Container main failed liveness probe, will be restarted')
  })

  it('that could not be made say nothing of the container: the engine was away, the port has no such name', async () => {
    let made = 0
    let away = false
    world = await makeWorld({ exec: () => { made++; if (away) throw new Error('the engine is away'); return { exitCode: 0 } } })
    const exec = { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 1 }
    world.desired.put('Pod', makePod('web', { containers: [{ name: 'main', image: 'busybox:1', livenessProbe: exec, readinessProbe: { ...exec, periodSeconds: 100 } }, { name: 'other', image: 'busybox:1', livenessProbe: { httpGet: { port: 'nope' }, periodSeconds: 1, failureThreshold: 1 } }] }))
    await world.until('running', () => world.sink.status('web')?.containerStatuses?.every((c) => c.state?.running))
    await world.clock.advance(100)
    await world.until('ready', () => world.sink.isReady('web'))
    away = true
    made = 0
    await world.clock.advance(3000)
    expect(made).toBe(9)
    expect(world.sink.events.map((e) => e.message)).toEqual(expect.arrayContaining(['Liveness probe errored and resulted in unknown state: the engine is away', 'Liveness probe errored and resulted in unknown state: strconv.Atoi: parsing "nope": invalid syntax']))
    expect(world.sink.status('web')?.containerStatuses?.map((c) => [c.restartCount, c.ready])).toEqual([[0, true], [0, true]])
  })

  it('of containers that ran before the agent are spread over their first period', async () => {
    const at: number[] = []
    world = await makeWorld({ exec: () => { at.push(world.clock.now()); return { exitCode: 0 } } })
    const pods = Array.from({ length: 20 }, (_, i) => makePod(`web-${i}`, { containers: [{ name: 'main', image: 'busybox:1', readinessProbe: { exec: { command: ['true'] }, periodSeconds: 10 } }] }))
    for (const pod of pods) world.desired.put('Pod', pod)
    await world.until('running', () => pods.every((p) => world.sink.container(p.metadata.name)?.state?.running))
    await world.clock.advance(100)
    await world.until('ready', () => pods.every((p) => world.sink.isReady(p.metadata.name)))
    for (const pod of pods) world.desired.put('Pod', Object.assign(pod, { status: world.sink.status(pod.metadata.name) }))
    at.length = 0
    world.sink.statuses.clear()
    await world.restart()
    await world.until('taken over', () => pods.every((p) => world.sink.isReady(p.metadata.name)))
    const begun = world.clock.now()
    await world.clock.advance(5000)
    expect(at.length).toBeGreaterThan(2)
    expect(at.length).toBeLessThan(18)
    await world.clock.advance(5100)
    expect(new Set(at.map((t) => t - begun)).size).toBeGreaterThan(5)
    expect(at.length).toBeGreaterThanOrEqual(20)
  })

  it.each([['has run for a while', 60_000], ['has just become ready', 0]])('do not make a pod unready that %s when its agent is killed: what was told last is not on the node', async (_, age) => {
    let answer: (() => void) | undefined
    const probed = async (): Promise<void> => {
      await world.until('probed', async () => { await world.clock.advance(1); return answer })
      answer?.()
      answer = undefined
    }
    world = await makeWorld({ probes: { http: () => new Promise((resolve) => { answer = () => { resolve({ ok: true, output: '' }) } }) } })
    world.desired.put('Pod', makePod('web', { containers: [{ name: 'main', image: 'busybox:1', readinessProbe: { httpGet: { port: 80 }, periodSeconds: 100 } }] }))
    await world.until('running', () => world.sink.container('web')?.state?.running)
    await probed()
    await world.until('ready', () => world.sink.isReady('web'))
    await world.clock.advance(age)
    world.sink.statuses.clear()
    await world.restart()
    await probed()
    await world.until('taken over', () => world.sink.status('web'))
    expect(world.sink.statuses.get('web')!.map((s) => s.conditions?.find((c) => c.type === 'Ready')?.status)).toEqual(['True'])
  })

  it.each([['a startup probe alone', { containers: [{ name: 'main', image: 'busybox:1', startupProbe: { httpGet: { port: 80 } } }] }], ['a sidecar\'s', { containers: [{ name: 'main', image: 'busybox:1' }], initContainers: [{ name: 'side', image: 'busybox:1', restartPolicy: 'Always', readinessProbe: { httpGet: { port: 80 } } }] }]])('hold its first word back after a restart of the agent also where it is %s', async (_, spec) => {
    world = await makeWorld({ probes: { http: () => Promise.resolve({ ok: true, output: '' }) } })
    world.desired.put('Pod', makePod('web', spec))
    await world.until('ready', async () => { await world.clock.advance(1); return world.sink.isReady('web') })
    world.sink.statuses.clear()
    await world.restart()
    await world.until('taken over', async () => { await world.clock.advance(1); return world.sink.status('web') })
    expect(world.sink.statuses.get('web')!.map((s) => s.conditions?.find((c) => c.type === 'Ready')?.status)).toEqual(['True'])
  })

  it('that do not answer after the agent was killed hold its first word back for their time and two seconds, no longer', async () => {
    let hangs = false
    world = await makeWorld({ probes: { http: () => (hangs ? new Promise(() => undefined) : Promise.resolve({ ok: true, output: '' })) } })
    world.desired.put('Pod', makePod('web', { containers: [{ name: 'main', image: 'busybox:1', readinessProbe: { httpGet: { port: 80 }, timeoutSeconds: 5 } }] }))
    await world.until('ready', async () => { await world.clock.advance(1); return world.sink.isReady('web') })
    hangs = true
    world.sink.statuses.clear()
    await world.restart()
    await world.clock.advance(6900)
    expect(world.sink.status('web')).toBeUndefined()
    await world.until('told', async () => { await world.clock.advance(10); return world.sink.status('web') })
    expect(world.sink.isReady('web')).toBe(false)
  })

  it('take a pod out of and back into readiness', async () => {
    let ready = false
    world = await makeWorld({ exec: () => ({ exitCode: ready ? 0 : 1 }) })
    world.desired.put('Pod', makePod('web', { containers: [{ name: 'main', image: 'busybox:1', readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 1 } }] }))
    await world.until('running', () => world.sink.container('web')?.state?.running)
    await world.clock.advance(1000)
    expect(world.sink.status('web')?.conditions?.find((c) => c.type === 'Ready')).toMatchObject({ status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [main]' })
    ready = true
    await world.clock.advance(1000)
    await world.until('ready', () => world.sink.isReady('web'))
    ready = false
    await world.clock.advance(1000)
    await world.until('unready', () => !world.sink.isReady('web'))
    expect(world.sink.container('web')?.restartCount).toBe(0)
  })
})

it('a pod that failed for good stays so where the API server has forgotten it, whose status is on disk only later', async () => {
  world = await makeWorld()
  const pod = makePod('sent-away')
  const sentAway = (status: PodStatus): void => { world.desired.put('Pod', { ...pod, status } as typeof pod) }
  sentAway({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' })
  await world.restart()
  await world.clock.advance(100)
  sentAway({ phase: 'Pending' })
  await world.until('told again', () => world.sink.status('sent-away'))
  expect(world.sink.status('sent-away')).toMatchObject({ phase: 'Failed', reason: 'Evicted' })
  expect(world.runtime.journal.filter((line) => /start/.test(line))).toEqual([])
})
