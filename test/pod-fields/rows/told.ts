/** What a pod's status and events say along its life, word for word. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import { testImage } from '../../testbed/images.ts'
import { mismatch } from '../match.ts'
import { eventually, forever, main, podOf, status, story, waiting, type Row, type World } from '../row.ts'

const C = 'spec.containers[]'
const is = (type: string, state: string, more: object = {}) => ({ type, status: state, ...more })
const stubborn = ['sh', '-c', 'trap "" TERM; while true; do sleep 0.1; done']
const mapOf = (name: string, data: Record<string, string>): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data })

async function shows({ kubectl }: World, name: string, expected: object): Promise<void> {
  let problem: string | undefined
  try {
    await eventually(name, async () => { problem = mismatch((await kubectl.json<Pod>(`get pod ${name}`)).status, expected); return problem === undefined })
  } catch { throw new Error(problem) }
}
const ready = ({ kubectl }: World, name: string): Promise<string> => kubectl.run(`wait --for=condition=Ready pod/${name} ${waiting}`)
const within = async (seconds: number, what: string, work: () => Promise<unknown>): Promise<void> => {
  const begun = performance.now()
  await work()
  const took = (performance.now() - begun) / 1000
  if (took > seconds) throw new Error(`${what} took ${took.toFixed(1)} s`)
}

export const toldRows: readonly Row[] = [
  status({
    id: 'told-running', fields: [`${C}.name`], says: 'every condition of a pod that runs, and its container by id and image', container: { command: forever, resources: { limits: { memory: '32Mi' } } },
    spec: { initContainers: [{ name: 'before', image: testImage, command: ['true'] }] },
    status: {
      phase: 'Running', qosClass: 'Burstable', hostIP: { matches: /^\d/ }, hostIPs: [{ ip: { matches: /^\d/ } }], podIP: { matches: /^\d/ }, podIPs: [{ ip: { matches: /^\d/ } }], startTime: { matches: /Z$/ },
      conditions: ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((t) => is(t, 'True')),
      initContainerStatuses: [{ name: 'before', ready: true, started: false, restartCount: 0, state: { terminated: { exitCode: 0, reason: 'Completed', containerID: { matches: /^(docker|containerd):\/\/./ }, startedAt: { matches: /Z$/ }, finishedAt: { matches: /Z$/ } } } }],
      containerStatuses: [{ name: main, image: testImage, imageID: { matches: /sha256:[0-9a-f]{64}$/ }, containerID: { matches: /^(docker|containerd):\/\/./ }, ready: true, started: true, restartCount: 0, resources: { limits: { memory: '32Mi' } }, state: { running: { startedAt: { matches: /Z$/ } } } }],
    },
  }),
  status({
    id: 'told-crash', fields: ['spec.restartPolicy'], says: 'a container that fails again and again backs off', spec: { restartPolicy: 'Always' }, container: { command: ['sh', '-c', 'exit 7'] },
    status: {
      phase: 'Running', conditions: [is('Ready', 'False', { reason: 'ContainersNotReady', message: `containers with unready status: [${main}]` }), is('ContainersReady', 'False', { reason: 'ContainersNotReady' })],
      containerStatuses: [{ ready: false, started: false, restartCount: { matches: /^[1-9]/ }, state: { waiting: { reason: 'CrashLoopBackOff', message: { matches: /^back-off (10|20|40)s restarting failed container=m pod=told-crash_default\([0-9a-f-]{36}\)$/ } } }, lastState: { terminated: { exitCode: 7, reason: 'Error' } } }],
    },
    events: [{ reason: 'BackOff', message: /^Back-off restarting failed container m in pod told-crash_default\([0-9a-f-]{36}\)$/ }],
  }),
  status({ id: 'told-signal', fields: [`${C}.command`], says: 'a container that a signal ended has 128 and its number', container: { command: ['sh', '-c', 'sh -c "kill -SEGV \\$\\$"; exit $?'] }, status: { phase: 'Failed', conditions: [is('Ready', 'False', { reason: 'PodFailed' })], containerStatuses: [{ state: { terminated: { exitCode: 139, reason: 'Error' } } }] } }),
  status({ id: 'told-done', fields: ['spec.restartPolicy'], says: 'a pod that is done says so in its conditions, and where it was', status: { phase: 'Succeeded', podIP: { matches: /^\d/ }, podIPs: [{ ip: { matches: /^\d/ } }], conditions: [is('PodReadyToStartContainers', 'False'), ...['Initialized:True', 'Ready:False', 'ContainersReady:False'].map((c) => is(c.split(':')[0]!, c.split(':')[1]!, { reason: 'PodCompleted' }))] } }),
  status({
    id: 'told-init', fields: ['spec.initContainers'], says: 'an init container that fails holds the others back; with Never the pod has failed', spec: { initContainers: [{ name: 'one', image: testImage, command: ['sh', '-c', 'exit 4'] }, { name: 'two', image: testImage }] },
    status: {
      phase: 'Failed', conditions: [is('Initialized', 'False', { reason: 'ContainersNotInitialized', message: 'containers with incomplete status: [one two]' })],
      initContainerStatuses: [{ state: { terminated: { exitCode: 4 } } }, { state: { waiting: { reason: 'PodInitializing' } } }], containerStatuses: [{ state: { waiting: { reason: 'PodInitializing' } } }],
    },
  }),
  status({ id: 'told-long', fields: [`${C}.terminationMessagePath`], says: 'of long last words the end is told', container: { command: ['sh', '-c', 'dd if=/dev/zero bs=1M count=8 2>/dev/null | tr "\\0" x >/dev/termination-log; printf the-end >>/dev/termination-log'] }, status: { containerStatuses: [{ state: { terminated: { message: { matches: /^x{4089}the-end$/ } } } }] } }),
  story({
    id: 'told-rejected', fields: [`${C}.ports[].hostPort`], says: 'a pod that is put on the node by name, and has no room there, says why in the first column',
    async tell(world) {
      const { kubectl } = world
      const ported = (name: string): Pod => podOf(name, { spec: { nodeName: 'pi-1' }, container: { command: forever, ports: [{ containerPort: 1, hostPort: 31999, protocol: 'UDP' }] } })
      await kubectl.apply(ported('told-first'))
      await ready(world, 'told-first')
      await kubectl.apply(ported('told-rejected'))
      await shows(world, 'told-rejected', { phase: 'Failed', reason: 'NodePorts', message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" })
      const row = (await kubectl.run('get pod told-rejected --no-headers')).split(/\s+/)
      if (row[1] !== '0/1' || row[2] !== 'NodePorts') throw new Error(`told as ${row.join(' ')}`)
      await kubectl.run('delete pod told-first told-rejected')
    },
  }),
  story({
    id: 'told-late', fields: [`${C}.env[].valueFrom.configMapKeyRef.key`, 'spec.volumes[].configMap.name'], says: 'a pod starts as soon as what it waits for is there',
    pod: podOf('told-late', { spec: { volumes: [{ name: 'v', configMap: { name: 'late-file' } }] }, container: { command: ['sh', '-c', 'test "$K$(cat /v/f)" = ab'], env: [{ name: 'K', valueFrom: { configMapKeyRef: { name: 'late-key', key: 'k' } } }], volumeMounts: [{ name: 'v', mountPath: '/v' }] } }),
    async tell(world) {
      await eventually('the volume holds it back', async () => (await world.kubectl.run('get events --field-selector involvedObject.name=told-late')).includes('configmap "late-file" not found'))
      await world.kubectl.apply(mapOf('late-file', { f: 'b' }))
      await shows(world, 'told-late', { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'CreateContainerConfigError', message: 'configmap "late-key" not found' } } }] })
      await world.kubectl.apply(mapOf('late-key', { k: 'a' }))
      await shows(world, 'told-late', { phase: 'Succeeded' })
    },
  }),
  story({
    id: 'told-image', fields: [`${C}.image`], says: 'a changed image restarts the container; a corrected one does not wait',
    pod: podOf('told-image', { spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 30 }, container: { image: 'bramble.test/absent:1', imagePullPolicy: 'Never', command: forever } }),
    async tell(world) {
      const set = (image: string): Promise<string> => world.kubectl.run(`set image pod/told-image ${main}=${image}`)
      await shows(world, 'told-image', { containerStatuses: [{ state: { waiting: { reason: 'ErrImageNeverPull' } } }] })
      await set(testImage)
      await ready(world, 'told-image')
      await set('bramble.test/absent:2')
      await shows(world, 'told-image', { containerStatuses: [{ restartCount: 0, state: { waiting: { reason: 'ErrImageNeverPull', message: 'Container image "bramble.test/absent:2" is not present with pull policy of Never' } }, lastState: { terminated: { exitCode: 0 } } }] })
      await set(testImage)
      await shows(world, 'told-image', { containerStatuses: [{ ready: true, restartCount: 1 }] })
      if (!(await world.kubectl.run('get events --field-selector involvedObject.name=told-image')).includes(`Container ${main} definition changed, will be restarted`)) throw new Error('no event says so')
    },
  }),
  story({
    id: 'told-grace', fields: ['spec.terminationGracePeriodSeconds'], says: 'a second deletion may shorten the grace; one by force leaves nothing; a pod that never started goes at once',
    async tell(world) {
      const { kubectl, cluster } = world
      await kubectl.apply([
        ...['told-grace', 'told-force'].map((name) => podOf(name, { spec: { terminationGracePeriodSeconds: 600 }, container: { command: stubborn } })),
        podOf('told-pending', { container: { envFrom: [{ configMapRef: { name: 'never-there' } }] } }),
      ])
      await Promise.all([ready(world, 'told-grace'), ready(world, 'told-force'), shows(world, 'told-pending', { containerStatuses: [{ state: { waiting: { reason: 'CreateContainerConfigError' } } }] })])
      await within(60, 'the deletion of a pod that never started', () => kubectl.run('delete pod told-pending'))
      await kubectl.run('delete pod told-grace told-force --wait=false')
      await shows(world, 'told-grace', { phase: 'Running', conditions: [is('Ready', 'True')] })
      const { uid } = (await kubectl.json<{ metadata: { uid: string } }>('get pod told-force')).metadata
      await within(60, 'a deletion with a shorter grace', () => kubectl.run('delete pod told-grace --grace-period=1'))
      await kubectl.run('delete pod told-force --grace-period=0 --force')
      const { stat } = await import('node:fs/promises')
      await eventually('nothing is left of it', () => stat(`${cluster.dir}/agent/pods/pods/${uid}`).then(() => false, () => true))
    },
  }),
  story({
    id: 'told-resize', fields: [`${C}.resources.limits`, `${C}.resizePolicy[].*`], says: 'a size that the node cannot have is told and undone; the quality of service stays',
    pod: podOf('told-resize', { container: { command: forever, resources: { requests: { cpu: '10m', memory: '16Mi' }, limits: { memory: '32Mi' } } } }),
    async tell(world) {
      await ready(world, 'told-resize')
      const patch = (resources: object) => world.kubectl.said(['patch', 'pod', 'told-resize', '--subresource=resize', '-p', JSON.stringify({ spec: { containers: [{ name: main, resources }] } })])
      const done = async (resources: object): Promise<void> => { const { code, err } = await patch(resources); if (code !== 0) throw new Error(err) }
      await done({ requests: { cpu: '900' } })
      await shows(world, 'told-resize', { conditions: [is('PodResizePending', 'True', { reason: 'Infeasible', message: { matches: /^Node didn't have enough capacity: cpu, requested: 900000, capacity: \d+$/ } })] })
      await done({ requests: { cpu: '20m' } })
      await eventually('it is in force and nothing is pending', async () => {
        const { status: s } = await world.kubectl.json<Pod>('get pod told-resize')
        return s?.containerStatuses?.[0]?.resources?.requests?.['cpu'] === '20m' && s.containerStatuses[0].restartCount === 0 && !s.conditions?.some((c) => c.type.startsWith('PodResize'))
      })
      const refused = await patch({ requests: { cpu: '20m', memory: '32Mi' }, limits: { cpu: '20m', memory: '32Mi' } })
      if (!refused.err.includes('Pod QOS Class may not change as a result of resizing')) throw new Error(`not refused: ${refused.err}`)
    },
  }),
]
