/** Unmodified kubectl, oldest and newest supported, against the server: create (JSON from 1.27, protobuf from 1.33), apply, get, patch, scale, watch, describe, delete. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { tmpdir } from 'node:os'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refs } from '../../shared/api/refs.ts'
import { writeKubeconfig } from '../../shared/client/kubeconfig.ts'
import { run, start } from '../../shared/host/exec.ts'
import { startFakeCluster } from './fake-cluster.ts'
import type { FakeCluster } from './fake-cluster.ts'

function kubectlOf(version: string): string {
  const path = (process.env.PATH ?? '').split(delimiter).map((d) => join(d, 'kubectl')).find((f) => existsSync(f))
  if (!path) throw new Error('kubectl is not installed: it is what this test is about')
  const file = join(dirname(realpathSync(path)), `kubectl.${version}`)
  if (!existsSync(file)) throw new Error(`${file} is not there: kubectl ${version} is what this test is about`)
  return file
}

const manifest = (replicas: number): string => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

describe.each(['1.27', '1.33'])('kubectl %s', (version) => {
  let cluster: FakeCluster
  let directory: string
  let binary: string
  const kubectl = async (args: string, input = ''): Promise<string> => {
    const argv = [binary, `--kubeconfig=${directory}/config`, `--cache-dir=${directory}/cache`, ...args.split(' ')]
    const { exitCode, stdout, stderr } = await run(argv, { input, timeout: 20_000 })
    if (exitCode) throw new Error(stderr.toString())
    return stdout.toString()
  }
  beforeAll(async () => {
    binary = kubectlOf(version)
    cluster = await startFakeCluster()
    directory = mkdtempSync(join(tmpdir(), 'bramble-kubectl-'))
    const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
    writeFileSync(join(directory, 'config'), writeKubeconfig({ name: 'test', server: cluster.url, caPem: cluster.ca.certPem, user: 'admin', certPem, keyPem }))
  })
  afterAll(async () => {
    await cluster.close()
    rmSync(directory, { recursive: true })
  })

  it('applies, applies again, changes and prints', async () => {
    expect(await kubectl('apply -f -', manifest(2))).toBe('deployment.apps/web created\nservice/web created\n')
    expect(await kubectl('apply -f -', manifest(2))).toBe('deployment.apps/web unchanged\nservice/web unchanged\n')
    expect(await kubectl('apply -f -', manifest(3))).toBe('deployment.apps/web configured\nservice/web unchanged\n')
    expect(await kubectl('scale deployment web --replicas=5')).toBe('deployment.apps/web scaled\n')
    expect(await kubectl('get deployment web')).toMatch(/^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +0\/5 +0 +0 +\d+s\n$/)
    expect(await kubectl('set image deployment/web c=nginx:2')).toBe('deployment.apps/web image updated\n')
    expect(await kubectl('describe deployment web')).toMatch(/Image: +nginx:2/)
    expect(await kubectl('delete -f -', manifest(3))).toContain('deleted')
  })

  it('creates with typed clients and refuses what is wrong', async () => {
    expect(await kubectl('create configmap c --from-literal=a=b')).toBe('configmap/c created\n')
    expect(await kubectl('get configmap c -o jsonpath={.data}')).toBe('{"a":"b"}')
    expect(await kubectl('create deployment d --image=nginx --replicas=2')).toBe('deployment.apps/d created\n')
    expect(await kubectl('get deployment d -o jsonpath={.spec.replicas},{.spec.template.spec.terminationGracePeriodSeconds}')).toBe('2,30')
    expect(await kubectl('create secret generic s --from-literal=k=v')).toBe('secret/s created\n')
    expect(await kubectl('get secret s -o jsonpath={.data.k},{.type}')).toBe('dg==,Opaque')
    expect(await kubectl('create service nodeport n --tcp=80:8080')).toBe('service/n created\n')
    expect(await kubectl('get service n -o jsonpath={.spec.ports[0].targetPort}')).toBe('8080')
    await expect(kubectl('create configmap c')).rejects.toThrow('configmaps "c" already exists')
    await expect(kubectl('apply -f -', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatta: {}\n')).rejects.toThrow('unknown field "datta"')
    await expect(kubectl('create configmap Bad_Name')).rejects.toThrow('Invalid value: "Bad_Name"')
    expect(await kubectl('auth can-i list pods')).toBe('yes\n')
  })

  it('watches', async () => {
    const create = (name: string) => cluster.admin.create(refs.ConfigMap, { metadata: { name, namespace: 'default' } })
    await create('before')
    const child = start([binary, `--kubeconfig=${directory}/config`, `--cache-dir=${directory}/cache`, 'get', 'configmaps', '--watch', '--output=name'])
    const ended = once(child, 'exit')
    let seen = ''
    for await (const chunk of child.stdout ?? []) {
      const listed = seen.includes('configmap/before')
      seen += String(chunk)
      // What was there comes from the list; what is made after it can only come through the watch.
      if (!listed && seen.includes('configmap/before')) await create('after')
      if (seen.includes('configmap/after')) break
    }
    child.kill()
    await ended
    expect(seen).toContain('configmap/after')
  })
})
