/** A node whose only disk is small and fills up: images that nobody needs go first, then the pod that takes most; what runs, and what an offline node could not pull again, stays. */
import { mkdir, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { run, runOk } from '../../shared/host/exec.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testFolder } from '../testbed/daemons.ts'
import { testImage, writeTestImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'

const Mi = 2 ** 20
let home: string
let disk: string
let cluster: Cluster
let kubectl: Kubectl

beforeAll(async () => {
  home = await testFolder('disk')
  disk = join(home, 'mnt')
  await mkdir(disk)
  await runOk(['truncate', '--size=640M', join(home, 'image')])
  await runOk(['mkfs.ext4', '-q', '-m', '0', join(home, 'image')])
  await runOk(['mount', '-o', 'loop', join(home, 'image'), disk])
  cluster = await Cluster.start({ runtime: 'containerd', folder: disk, agentFlags: ['--eviction-hard', 'nodefs.available<120Mi', '--eviction-pressure-transition-period', '1s', '--minimum-image-ttl-duration', '0s'] })
  kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
})
afterAll(async () => {
  await cluster?.stop()
  await run(['umount', '-l', disk])
  await rm(home, { recursive: true, force: true })
})

const available = async (): Promise<number> => { const s = await statfs(disk); return s.bavail * s.bsize }
const ctr = async (...args: string[]): Promise<string> => (await runOk(['ctr', '--address', cluster.engine.address, '-n', 'bramble', ...args])).toString()
const images = async (): Promise<string[]> => (await ctr('images', 'ls', '-q')).split('\n').filter((name) => name.startsWith('bramble.test/'))
/** Something that is no pod's takes the disk until as much is left. */
async function leave(bytes: number): Promise<void> { await runOk(['fallocate', '--length', String(Math.floor(await available() - bytes)), join(disk, 'filler')]) }
const pod = (name: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, ...spec } })
const forever = (name: string, image = testImage): object => ({ name, image, command: ['sleep', '1000000'] })

it('makes room by images before pods, offline too, and recovers by itself', async () => {
  const [needed, unused] = ['bramble.test/needed:1', 'bramble.test/unused:1']
  for (const [reference, content] of [[needed, Buffer.from('needed')], [unused, Buffer.alloc(60 * Mi, 'x')]] as const) {
    const tar = join(home, 'layer.tar')
    await writeTestImage(tar, { reference, entries: [{ kind: 'file', path: 'content', mode: 0o644, data: content }] })
    await ctr('images', 'import', tar)
    await rm(tar)
  }
  // The second container's image is nobody's yet: its pod is bound here and still in its init container.
  await kubectl.apply([pod('steady', { containers: [forever('m')] }), pod('later', { initContainers: [forever('i')], containers: [forever('m', needed)] })])
  await kubectl.run('wait --for=condition=Ready pod/steady --timeout=60s')
  await eventually('two containers run', async () => (await cluster.runningContainers()).length === 2)
  const before = (await cluster.runningContainers()).toSorted()
  await cluster.controlPlane.kill('SIGKILL')

  await leave(100 * Mi)
  await eventually('the image that nobody needs is gone', async () => !(await images()).includes(unused), 40_000)
  await eventually('there is room', async () => (await available()) > 120 * Mi)
  expect(await images()).toEqual([testImage, needed].toSorted())
  await cluster.startControlPlane()
  await cluster.nodeReady()
  const node = (path: string): Promise<string> => kubectl.run(['get', 'node', 'pi-1', '-o', `jsonpath=${path}`])
  await eventually('the node is reached again', async () => (await kubectl.said('exec steady -- echo here')).out === 'here', 90_000)
  expect((await cluster.runningContainers()).toSorted()).toEqual(before)

  const size = Math.ceil(await available() / Mi) - 70
  const hog = pod('hog', { containers: [{ ...forever('m'), command: ['sh', '-c', `dd if=/dev/zero of=/v/x bs=1M count=${size}; sleep 1000000`], volumeMounts: [{ name: 'v', mountPath: '/v' }] }], volumes: [{ name: 'v', emptyDir: {} }] })
  const said = async (): Promise<string> => (await kubectl.said(['get', 'pod', 'hog', '-o', 'jsonpath={.status.reason} {.status.message}'])).out
  await eventually('the hog is evicted', async () => {
    // The node looks every ten seconds: until it sees the room it takes no pod.
    if ((await said()).includes('The node had condition')) await kubectl.run('delete pod hog')
    await kubectl.said('create -f -', hog)
    return /^Evicted The node was low/.test(await said())
  }, 90_000, 500)
  expect(await kubectl.run(['get', 'pod', 'hog', '-o', 'jsonpath={.status.message}'])).toMatch(/^The node was low on resource: ephemeral-storage\. Threshold quantity: 120Mi, available: \d+[KM]i\. /)
  await eventually('its volume is gone', async () => (await available()) > 120 * Mi)
  await eventually('the node is told to have room again', async () => (await node('{.status.conditions[?(@.type=="DiskPressure")].status}')) === 'False' && !(await node('{.spec.taints[*].key}')).includes('disk-pressure'), 60_000)
  expect((await cluster.runningContainers()).toSorted()).toEqual(before)
  expect(await images()).toEqual([testImage, needed].toSorted())
  expect(await kubectl.run(['get', 'events', '--field-selector', 'reason=EvictionThresholdMet', '-o', 'jsonpath={.items[0].message}'])).toBe('Attempting to reclaim ephemeral-storage')
})
