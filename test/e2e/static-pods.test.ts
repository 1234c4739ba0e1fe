/** Pods whose manifests lie in a folder of the node: shown by mirrors, run without a control plane. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testFolder } from '../testbed/daemons.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'

let cluster: Cluster
let kubectl: Kubectl
let folder: string
beforeAll(async () => {
  folder = await testFolder('manifests')
  await mkdir(folder, { recursive: true })
  cluster = await Cluster.start({ runtime: 'containerd', agentFlags: ['--pod-manifest-path', folder] })
  kubectl = new Kubectl((await kubectls()).at(-1) as { version: string; path: string }, cluster.kubeconfig)
})
afterAll(async () => {
  await cluster?.stop()
  await rm(folder, { recursive: true, force: true })
})

const manifest = (text: string): string => `apiVersion: v1
kind: Pod
metadata:
  name: guard
  labels: {app: guard}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: ${testImage}
    command: [sh, -c, "echo ${text}; sleep 1000000"]
`
const path = (): string => join(folder, 'guard.yaml')
const uid = async (): Promise<string> => (await kubectl.said(['get', 'pod', 'guard-pi-1', '-o', 'jsonpath={.metadata.uid}'])).out
const logs = async (): Promise<string> => (await kubectl.said('logs guard-pi-1')).out

describe('a static pod', () => {
  it('runs, and is shown by a mirror that kubectl can work with', async () => {
    await writeFile(path(), manifest('one'))
    await eventually('the mirror is there', async () => (await uid()) !== '')
    await kubectl.run('wait --for=condition=Ready pod/guard-pi-1 --timeout=60s')
    await eventually('it speaks', async () => (await logs()) === 'one')
    const { metadata } = await kubectl.json<{ metadata: { annotations: Record<string, string>; ownerReferences: { kind: string; name: string }[] } }>('get pod guard-pi-1')
    expect(metadata.annotations['kubernetes.io/config.source']).toBe('file')
    expect(metadata.annotations['kubernetes.io/config.mirror']).toBe(metadata.annotations['kubernetes.io/config.hash'])
    expect(metadata.ownerReferences[0]).toMatchObject({ kind: 'Node', name: 'pi-1' })
    expect((await kubectl.run('exec guard-pi-1 -- hostname')).trim()).toBe('guard-pi-1')
    expect(await kubectl.run('describe pod guard-pi-1')).toMatch(/Normal\s+Started\s.*Started container main/)
  })

  it('outlives its mirror, which comes back', async () => {
    const before = await uid()
    const container = await kubectl.run(['get', 'pod', 'guard-pi-1', '-o', 'jsonpath={.status.containerStatuses[0].containerID}'])
    await kubectl.run('delete pod guard-pi-1 --wait=false')
    await eventually('another mirror', async () => { const now = await uid(); return now !== '' && now !== before })
    await kubectl.run('wait --for=condition=Ready pod/guard-pi-1 --timeout=60s')
    expect(await kubectl.run(['get', 'pod', 'guard-pi-1', '-o', 'jsonpath={.status.containerStatuses[0].containerID}'])).toBe(container)
  })

  it('is another pod where its manifest changes; a manifest that is none changes nothing', async () => {
    await writeFile(path(), manifest('two'))
    await eventually('the new one', async () => (await logs()) === 'two')
    await writeFile(join(folder, 'broken.yaml'), 'kind: Pod\nspec: [')
    await eventually('it was refused', async () => /static pod refused.*broken\.yaml/.test(await cluster.agent.log()))
    expect(await logs()).toBe('two')
  })

  it('has others end where the node is full: it is what the node cannot do without', async () => {
    const cpu = (await kubectl.run(['get', 'node', 'pi-1', '-o', 'jsonpath={.status.allocatable.cpu}'])).trim()
    const milli = cpu.endsWith('m') ? Number.parseInt(cpu, 10) : Number(cpu) * 1000
    const asking = (name: string, amount: number): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: testImage, command: ['sleep', '1000000'], resources: { requests: { cpu: `${amount}m` } } }] } })
    await kubectl.apply([asking('large', milli - 400), asking('small', 200)])
    await kubectl.run('wait --for=condition=Ready pod/large pod/small --timeout=60s')
    const needed = join(folder, 'needed.json')
    await writeFile(needed, JSON.stringify(asking('needed', 400)))
    await eventually('it runs', async () => (await kubectl.said('wait --for=condition=Ready pod/needed-pi-1 --timeout=1s')).code === 0)
    // The one that gives what is missing with the least.
    expect(await kubectl.run(['get', 'pod', 'small', '-o', 'jsonpath={.status.phase} {.status.reason}: {.status.message}'])).toBe('Failed Preempting: Preempted in order to admit critical pod')
    expect(await kubectl.run('describe pod small')).toMatch(/Warning\s+Preempting\s.*Preempted in order to admit critical pod/)
    expect(await kubectl.run(['get', 'pod', 'large', '-o', 'jsonpath={.status.phase}'])).toBe('Running')
    await rm(needed)
    await kubectl.run('delete pod large small --wait')
    await eventually('its mirror is gone', async () => (await kubectl.said('get pod needed-pi-1')).err.includes('NotFound'))
    await eventually('one runs', async () => (await cluster.runningContainers()).length === 1)
  })

  it('starts without a control plane, and goes with its manifest', async () => {
    await cluster.controlPlane.kill('SIGKILL')
    await cluster.agent.kill('SIGKILL')
    await writeFile(join(folder, 'alone.yaml'), manifest('alone').replace('name: guard', 'name: alone'))
    await cluster.agent.start()
    await eventually('both run', async () => (await cluster.runningContainers()).length === 2)
    await cluster.startControlPlane()
    await eventually('its mirror is there', async () => (await kubectl.said('get pod alone-pi-1')).code === 0, 90_000)
    await kubectl.run('wait --for=condition=Ready pod/alone-pi-1 pod/guard-pi-1 --timeout=90s')
    await rm(join(folder, 'alone.yaml'))
    await eventually('its mirror is gone', async () => (await kubectl.said('get pod alone-pi-1')).err.includes('NotFound'))
    expect(await kubectl.said('get pod guard-pi-1 --no-headers')).toMatchObject({ code: 0 })
  })
})
