/** What of devices must outlive things: an agent that is killed, a reboot without a control plane, a device that comes back as another node. */
import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Pod } from '../../shared/api/core-v1.ts'
import { runOk } from '../../shared/host/exec.ts'
import { allocatable, deviceCondition, devicePod, Loop } from '../pod-fields/rows/devices.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import type { Kubectl } from '../testbed/kubectl.ts'

const folder = `/run/bramble-test-${process.pid}-devices`
let cluster: Cluster
let kubectl: Kubectl
const loops = new Map<string, Loop>()
const plug = async (name: string, text: string): Promise<void> => {
  const loop = new Loop(folder, name)
  loops.set(name, loop)
  await loop.plug(text)
}
beforeAll(async () => {
  await mkdir(folder, { recursive: true })
  await plug('disk-a', 'contents-a')
  await plug('disk-b', 'contents-b')
  cluster = await Cluster.start({ runtime: 'containerd', agentFlags: ['--device', `disk=${folder}/disk*`] })
  kubectl = await cluster.kubectl()
})
afterAll(async () => {
  await cluster?.stop()
  for (const loop of loops.values()) await loop.unplug()
  await rm(folder, { recursive: true, force: true })
})

const asking = (name: string, count = 1): object => ({ limits: { [`bramble.dev/${name}`]: String(count) } })
const status = async (pod: string): Promise<NonNullable<Pod['status']>> => (await kubectl.json<Pod>(['get', 'pod', pod])).status ?? {}
const contents = async (pod: string): Promise<string> => (await kubectl.said(['exec', pod, '--', 'sh', '-c', 'head -c 10 $BRAMBLE_DEVICE_DISK'])).out
const ready = (pod: string): Promise<unknown> => kubectl.run(`wait --for=condition=Ready pod/${pod} --timeout=60s`, { timeout: 70_000 })
const plainly = { spec: { nodeName: 'pi-1' } }

it('a killed agent still knows who has what: a pod that the scheduler did not see is refused', async () => {
  await kubectl.apply([devicePod('one', asking('disk')), devicePod('two', asking('disk'))])
  await Promise.all(['one', 'two'].map(ready))
  expect([await contents('one'), await contents('two')].toSorted()).toEqual(['contents-a', 'contents-b'])
  expect([await allocatable(kubectl, 'disk'), await allocatable(kubectl, 'disk-a')]).toEqual(['2', '0'])
  await cluster.agent.kill('SIGKILL')
  await kubectl.apply(devicePod('three', asking('disk'), plainly))
  await cluster.startAgent()
  await eventually('it is refused', async () => (await status('three')).phase === 'Failed')
  expect(await status('three')).toMatchObject({
    reason: 'UnexpectedAdmissionError', message: 'Pod was rejected: Allocate failed due to requested number of devices unavailable for bramble.dev/disk. Requested: 1, Available: 0, which is unexpected',
  })
  expect((await status('one')).containerStatuses?.[0]?.restartCount).toBe(0)
})

it('after a reboot without a control plane each pod has its own again', async () => {
  const before = [await contents('one'), await contents('two')]
  await cluster.controlPlane.kill('SIGKILL')
  await cluster.agent.kill('SIGKILL')
  await cluster.powerCut()
  await cluster.startAgent()
  await eventually('both run', async () => (await cluster.runningContainers()).length === 2)
  await cluster.startControlPlane()
  await cluster.nodeReady()
  await eventually('each has its own', async () => `${await contents('one')},${await contents('two')}` === before.join(), 90_000)
})

it('is given back by a pod that ends, and lent by its init container', async () => {
  await kubectl.run('delete pod one two')
  const { containers, ...spec } = devicePod('lender', asking('disk', 2), { spec: { restartPolicy: 'Never' }, container: { command: ['true'] } }).spec ?? { containers: [] }
  const init = { ...containers[0], name: 'first', resources: asking('disk', 2) }
  await kubectl.apply([{ ...devicePod('lender', {}), spec: { ...spec, initContainers: [init], containers } }])
  await eventually('it has ended well', async () => (await status('lender')).phase === 'Succeeded')
  await kubectl.apply(devicePod('heir', asking('disk', 2), plainly))
  await ready('heir')
  await kubectl.run('delete pod lender heir')
})

it('that comes back as another node is had by starting the container again', async () => {
  await kubectl.apply(devicePod('mover', asking('disk-a')))
  await ready('mover')
  const { rdev } = await stat(join(folder, 'disk-a'))
  // Held, so that its number is not the next to be given out.
  const old = `/dev/loop${rdev & 0xff}`
  await rm(join(folder, 'disk-a'))
  await eventually('it is missed', async () => (await deviceCondition(kubectl, 'mover')).startsWith('False DeviceUnplugged'))
  await plug('disk-a', 'contents-2')
  await eventually('started again', async () => (await status('mover')).containerStatuses?.[0]?.restartCount === 1)
  await ready('mover')
  expect(await kubectl.run(['exec', 'mover', '--', 'sh', '-c', 'head -c 10 $BRAMBLE_DEVICE_DISK_A'])).toBe('contents-2')
  await eventually('all is well', async () => (await deviceCondition(kubectl, 'mover')) === 'True DevicesPresent:')
  await runOk(['losetup', '--detach', old])
})

it('whose number is another\'s now is taken from its container, which waits for its own', async () => {
  const { rdev } = await stat(join(folder, 'disk-a'))
  await rm(join(folder, 'disk-a'))
  await runOk(['mknod', join(folder, 'disk-c'), 'b', String(rdev >> 8), String(rdev & 0xff)])
  await eventually('it is told', async () => (await deviceCondition(kubectl, 'mover')) === 'False DeviceUnplugged: bramble.dev/disk-a of container m is unplugged, and another device has its number')
  await eventually('it is stopped', async () => (await cluster.runningContainers()).length === 0)
  await rm(join(folder, 'disk-c'))
  await runOk(['mknod', join(folder, 'disk-a'), 'b', String(rdev >> 8), String(rdev & 0xff)])
  await ready('mover')
})
