/** Pulling is real: from registries on loopback, with and without credentials, on both engines. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Cluster, eventually, hostAddress } from '../testbed/cluster.ts'
import type { Kubectl } from '../testbed/kubectl.ts'
import { pushTestImage, registryUser, startRegistry, type Registry } from '../testbed/registry.ts'
import { isReady, type PodList } from '../testbed/workloads.ts'

type Pod = PodList['items'][0]

describe.each(['containerd', 'docker'] as const)('on %s', (runtime) => {
  let cluster: Cluster
  let kubectl: Kubectl
  let [open, guarded]: Registry[] = []
  let folder: string
  beforeAll(async () => {
    // ctr pulls in the node's network, and is told that the registry speaks plain HTTP; dockerd pulls in the machine's, and takes that for granted on loopback.
    const host = runtime === 'docker' ? '127.0.0.1' : hostAddress
    // The link has its address once the cluster is up, and the agent's flags name the registries' ports: they listen everywhere.
    folder = `/var/tmp/bramble-test/registry-${process.pid}-${runtime}`
    open = await startRegistry({ folder, listen: '0.0.0.0', host })
    guarded = await startRegistry({ folder, listen: '0.0.0.0', host, password: true })
    cluster = await Cluster.start({ runtime, agentFlags: ['--plain-http-registry', open.address, '--plain-http-registry', guarded.address, '--max-parallel-image-pulls', '3'] })
    kubectl = await cluster.kubectl()
    for (const name of ['app', 'team/app', 'node/app']) await pushTestImage(open, folder, `${name}:1`)
  })
  afterAll(async () => {
    open?.stop()
    guarded?.stop()
    await cluster?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const pod = (name: string, image: string, spec: object = {}): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image, command: ['sleep', '1000'] }], ...spec } })
  const get = (name: string): Promise<Pod> => kubectl.json<Pod>(['get', 'pod', name])
  const ready = (name: string): Promise<Pod> => eventually(`pod ${name} is ready`, async () => { const p = await get(name); return isReady(p) && p })
  const waits = (name: string, reason: RegExp): Promise<string> => eventually(`pod ${name} waits for ${reason}`, async () => { const w = (await get(name)).status.containerStatuses?.[0]?.state?.waiting; return w && reason.test(w.reason ?? '') && (w.message ?? '') })
  const events = (name: string): Promise<string> => kubectl.run(['get', 'events', '--field-selector', `involvedObject.name=${name}`])
  const credentials = (name: string, password: string): object => ({
    apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'kubernetes.io/dockerconfigjson', stringData: { '.dockerconfigjson': JSON.stringify({ auths: { [guarded!.address]: { username: registryUser.username, password } } }) },
  })

  it('pulls an image it does not have, once for all, and says so in events', async () => {
    const image = `${open!.address}/app:1`
    for (const name of ['first', 'beside']) await kubectl.apply(pod(name, image))
    expect((await ready('first')).status.containerStatuses?.[0]).toMatchObject({ image, imageID: expect.stringContaining('sha256:') })
    await ready('beside')
    expect(await events('first')).toMatch(/Pulling image "[^"]+app:1"[\s\S]*Successfully pulled image "[^"]+app:1" in [\d.]+m?s \([\d.]+m?s including waiting\)\. Image size: \d+ bytes\./)
    await kubectl.apply(pod('second', image))
    await ready('second')
    expect(await events('second')).toMatch(/already present on machine/)
  })

  it('a registry behind a password: refused, then let in with the secret that the service account names', async () => {
    const image = `${guarded!.address}/team/app:1`
    await kubectl.apply(pod('nobody', image))
    expect(await waits('nobody', /^ErrImagePull$/)).toMatch(/basic auth|unauthorized|authorization failed/i)
    await kubectl.apply(credentials('wrong', 'not-it'))
    await kubectl.apply(credentials('right', registryUser.password))
    await kubectl.apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'puller' }, imagePullSecrets: [{ name: 'wrong' }, { name: 'gone' }, { name: 'right' }] })
    await kubectl.apply(pod('somebody', image, { serviceAccountName: 'puller' }))
    expect((await ready('somebody')).status.containerStatuses?.[0]).toMatchObject({ image })
    expect(await events('somebody')).toMatch(/FailedToRetrieveImagePullSecret +\S+ +Unable to retrieve some image pull secrets \(gone\); attempting to pull the image may not succeed\./)
    expect(await cluster.agent.log()).not.toMatch(/not-it|p w\$\(x\)/)
  })

  it('the node\'s own credentials count from when they are put down', async () => {
    const image = `${guarded!.address}/node/app:1`
    await kubectl.apply(pod('before', image))
    expect(await waits('before', /^(ErrImagePull|ImagePullBackOff)$/)).not.toBe('')
    await mkdir(join(cluster.dir, 'agent/registry'), { recursive: true })
    await writeFile(join(cluster.dir, 'agent/registry/config.json'), JSON.stringify({ auths: { [guarded!.address]: { auth: Buffer.from(`${registryUser.username}:${registryUser.password}`).toString('base64') } } }))
    await kubectl.apply(pod('after', image))
    await ready('after')
  })
})
