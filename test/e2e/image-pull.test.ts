/** Pulling is real: from a registry on loopback, with and without credentials, on both engines. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ChildProcess } from 'node:child_process'
import { runOk, start } from '../../shared/host/exec.ts'
import { Cluster, eventually, freePort, hostAddress } from '../testbed/cluster.ts'
import { writeTestImage } from '../testbed/images.ts'
import type { Kubectl } from '../testbed/kubectl.ts'
import { isReady, type PodList } from '../testbed/workloads.ts'

describe.each(['containerd', 'docker'] as const)('on %s', (runtime) => {
  let cluster: Cluster
  let kubectl: Kubectl
  let registry: ChildProcess
  let address: string
  beforeAll(async () => {
    // ctr pulls in the node's network, and is told that the registry speaks plain HTTP; dockerd pulls in the machine's, and takes that for granted on loopback.
    address = `${runtime === 'docker' ? '127.0.0.1' : hostAddress}:${await freePort()}`
    cluster = await Cluster.start({ runtime, agentFlags: ['--plain-http-registry', address] })
    kubectl = await cluster.kubectl()
    const dir = join(cluster.dir, 'registry')
    await mkdir(dir, { recursive: true })
    await writeFile(join(dir, 'config.yml'), `version: 0.1\nlog: { level: error }\nstorage: { filesystem: { rootdirectory: ${dir}/data } }\nhttp: { addr: "${address}" }\n`)
    registry = start(['docker-registry', 'serve', join(dir, 'config.yml')], { stdio: 'ignore' })
    await writeTestImage(join(dir, 'image.tar'))
    await eventually('the registry answers', async () => (await fetch(`http://${address}/v2/`)).ok, 20_000)
    await runOk(['skopeo', 'copy', '--insecure-policy', '--dest-tls-verify=false', `docker-archive:${join(dir, 'image.tar')}`, `docker://${address}/team/app:1`])
  })
  afterAll(async () => {
    registry?.kill('SIGKILL')
    await cluster?.stop()
  })

  it('pulls an image it does not have, once, and says so in events', async () => {
    const pod = (name: string): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', image: `${address}/team/app:1`, command: ['sleep', '1000'] }] } })
    await kubectl.apply(pod('first'))
    const ready = await eventually('the pod is ready', async () => { const p = await kubectl.json<PodList['items'][0]>(['get', 'pod', 'first']); return isReady(p) && p })
    expect(ready.status.containerStatuses?.[0]).toMatchObject({ image: `${address}/team/app:1`, imageID: expect.stringContaining('sha256:') })
    const events = await kubectl.run(['get', 'events', '--field-selector', 'involvedObject.name=first'])
    expect(events).toMatch(/Pulling image "[^"]+team\/app:1"[\s\S]*Successfully pulled image "[^"]+team\/app:1"/)
    await kubectl.apply(pod('second'))
    await eventually('the second pod is ready', async () => isReady(await kubectl.json<PodList['items'][0]>(['get', 'pod', 'second'])))
    expect(await kubectl.run(['get', 'events', '--field-selector', 'involvedObject.name=second'])).toMatch(/already present on machine/)
  })
})
