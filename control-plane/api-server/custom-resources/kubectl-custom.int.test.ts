/** Real kubectl, oldest and newest, with a custom resource: create, explain, columns, apply, scale, subresources, strict validation. */
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { writeKubeconfig } from '../../../shared/client/kubeconfig.ts'
import { run } from '../../../shared/host/exec.ts'
import type { FakeCluster } from '../fake-cluster.ts'
import { startFakeCluster } from '../fake-cluster.ts'

function kubectlOf(version: string): string {
  const path = (process.env.PATH ?? '').split(delimiter).map((d) => join(d, 'kubectl')).find((f) => existsSync(f))
  if (!path) throw new Error('kubectl is not installed: it is what this test is about')
  return join(dirname(realpathSync(path)), `kubectl.${version}`)
}

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: crontabs.stable.example.com}
spec:
  group: stable.example.com
  scope: Namespaced
  names: {plural: crontabs, kind: CronTab, shortNames: [ct], categories: [all]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}, scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas}}
    additionalPrinterColumns:
    - {name: Spec, type: string, jsonPath: .spec.cronSpec, description: when it runs}
    - {name: Replicas, type: integer, jsonPath: .spec.replicas}
    schema:
      openAPIV3Schema:
        type: object
        description: A job that runs now and then.
        properties:
          spec:
            type: object
            description: What is wanted.
            properties:
              cronSpec: {type: string, description: When to run.}
              replicas: {type: integer, default: 1}
          status: {type: object, properties: {replicas: {type: integer}}}
`
const tab = (cron: string, more = ''): string => `
apiVersion: stable.example.com/v1
kind: CronTab
metadata: {name: mine}
spec: {cronSpec: "${cron}"${more}}
`

describe.each(['1.27', '1.33'])('kubectl %s', (version) => {
  let cluster: FakeCluster
  let directory: string
  const kubectl = async (args: string, input = ''): Promise<string> => {
    const { exitCode, stdout, stderr } = await run([kubectlOf(version), `--kubeconfig=${directory}/config`, `--cache-dir=${directory}/cache`, ...args.split(' ')], { input, timeout: 20_000 })
    if (exitCode) throw new Error(stderr.toString())
    return stdout.toString()
  }
  beforeAll(async () => {
    cluster = await startFakeCluster()
    directory = mkdtempSync(join(tmpdir(), 'bramble-kubectl-'))
    const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
    writeFileSync(join(directory, 'config'), writeKubeconfig({ name: 'test', server: cluster.url, caPem: cluster.ca.certPem, user: 'admin', certPem, keyPem }))
    await kubectl('create -f -', definition)
    await kubectl('wait --for=condition=Established crd/crontabs.stable.example.com --timeout=60s')
  })
  afterAll(async () => {
    await cluster.close()
    rmSync(directory, { recursive: true })
  })

  it('takes its definition by server-side apply, and in a list that kubectl validates by itself; a default is of any type', async () => {
    expect(await kubectl('apply --server-side --force-conflicts -f -', definition)).toContain('serverside-applied')
    const list = `apiVersion: v1\nkind: List\nitems:\n- ${definition.trim().replaceAll('\n', '\n  ')}\n`
    expect(await kubectl('apply -f -', list)).toContain('customresourcedefinition.apiextensions.k8s.io/crontabs.stable.example.com')
  })

  it('explains, applies, prints, scales', async () => {
    const text = await kubectl('explain crontab.spec --recursive')
    expect(text).toContain('What is wanted.')
    expect(text).toMatch(/cronSpec\s+<string>/)
    expect(await kubectl('apply -f -', tab('* * * * *'))).toBe('crontab.stable.example.com/mine created\n')
    expect(await kubectl('apply -f -', tab('1 * * * *'))).toBe('crontab.stable.example.com/mine configured\n')
    expect((await kubectl('get ct')).split('\n').slice(0, 2).map((l) => l.trim().split(/ {2,}/))).toEqual([['NAME', 'SPEC', 'REPLICAS'], ['mine', '1 * * * *', '1']])
    await kubectl('scale crontab/mine --replicas=3')
    expect(await kubectl('get crontab mine -o jsonpath={.spec.replicas}')).toBe('3')
    await kubectl('patch crontab mine --subresource=status --type=merge -p {"status":{"replicas":2}}')
    expect(await kubectl('get crontab mine --subresource=scale -o jsonpath={.status.replicas}')).toBe('2')
    expect(await kubectl('get all')).toContain('crontab.stable.example.com/mine')
    expect(await kubectl('api-resources --api-group=stable.example.com')).toMatch(/crontabs\s+ct\s+stable.example.com\/v1\s+true\s+CronTab/)
  })

  it('refuses what the schema does not know where it is asked to be strict', async () => {
    await expect(kubectl('create --validate=strict -f -', tab('x', ', nope: 1').replace('mine', 'strict'))).rejects.toThrow('unknown field "spec.nope"')
    expect(await kubectl('apply --server-side -f -', tab('x').replace('mine', 'side'))).toContain('serverside-applied')
  })

  it('deletes the definition and all with it', async () => {
    await kubectl('delete crd crontabs.stable.example.com --timeout=10s')
    // kubectl remembers what it discovered: the server is asked, and does not know.
    await expect(kubectl('get crontabs')).rejects.toThrow('the server could not find the requested resource')
  })
})
