/** Bad input is refused by name and changes nothing: kubectl's view, bare HTTP, foreign certificates, other nodes' topics. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../shared/host/exec.ts'
import { createCa, issueCertificate } from '../../shared/pki/certificates.ts'
import { openApi, type Api } from '../bench/api.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import type { Kubectl } from '../testbed/kubectl.ts'
import type { PodList } from '../testbed/workloads.ts'

let cluster: Cluster
let kubectl: Kubectl
let api: Api
beforeAll(async () => {
  cluster = await Cluster.start({ runtime: 'containerd' })
  kubectl = await cluster.kubectl()
  api = await openApi(cluster.kubeconfig, 4)
})
afterAll(async () => {
  api?.close()
  await cluster?.stop()
})

const configMaps = '/api/v1/namespaces/default/configmaps'
const configMap = (name: string, more: object = {}): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, ...more })
const status = (body: Buffer): { reason?: string; message?: string; code?: number; kind?: string } => JSON.parse(body.toString()) as { reason?: string; message?: string }
const revision = async (): Promise<string> => (JSON.parse((await api.call('GET', configMaps)).body.toString()) as { items: unknown[] }).items.length.toString()

describe('the API', () => {
  const pod = (spec: object): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'bad' }, spec })
  const deep = (n: number): unknown => (n === 0 ? 1 : { a: deep(n - 1) })
  it.each([
    ['an unknown field, strict', 'POST', `${configMaps}?fieldValidation=Strict`, configMap('bad', { dta: {} }), 400, 'BadRequest', 'strict decoding error: unknown field "dta"'],
    ['a wrong type', 'POST', configMaps, configMap('bad', { data: 'text' }), 400, 'BadRequest', 'cannot be handled as a ConfigMap'],
    ['an invalid name', 'POST', configMaps, configMap('Bad_Name'), 422, 'Invalid', 'metadata.name: Invalid value: "Bad_Name"'],
    ['another kind', 'POST', configMaps, { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'bad' } }, 400, 'BadRequest', ''],
    ['no containers', 'POST', '/api/v1/namespaces/default/pods', pod({ containers: [] }), 422, 'Invalid', 'spec.containers: Required value'],
    ['a port out of range', 'POST', '/api/v1/namespaces/default/pods', pod({ containers: [{ name: 'a', image: 'b', ports: [{ containerPort: 70_000 }] }] }), 422, 'Invalid', 'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive'],
    ['no such namespace', 'POST', '/api/v1/namespaces/nowhere/configmaps', configMap('bad'), 404, 'NotFound', 'namespaces "nowhere" not found'],
    ['no such resource', 'GET', '/api/v1/namespaces/default/widgets', undefined, 404, 'NotFound', 'could not find the requested resource'],
    ['an unknown verb', 'BREW', configMaps, undefined, 405, 'MethodNotAllowed', ''],
    ['a stale update', 'PUT', `${configMaps}/kube-root-ca.crt`, configMap('kube-root-ca.crt', { metadata: { name: 'kube-root-ca.crt', resourceVersion: '1' } }), 409, 'Conflict', 'the object has been modified; please apply your changes to the latest version and try again'],
    ['deep nesting', 'POST', configMaps, configMap('bad', { data: deep(5000) }), 400, 'BadRequest', ''],
  ])('refuses %s', async (_what, method, path, body, code, reason, message) => {
    const before = await revision()
    const answer = await api.call(method, path, body)
    expect([answer.status, status(answer.body).reason, status(answer.body).kind]).toEqual([code, reason, 'Status'])
    expect(status(answer.body).message).toContain(message)
    expect(await revision()).toBe(before)
  })

  it('refuses an unknown patch type and a body over 3 MiB', async () => {
    const patch = await api.call('PATCH', `${configMaps}/kube-root-ca.crt`, {}, 'application/strange-patch+json')
    expect([patch.status, status(patch.body).reason]).toEqual([415, 'UnsupportedMediaType'])
    const large = await api.call('POST', configMaps, configMap('large', { data: { x: 'x'.repeat(4 << 20) } }))
    expect([large.status, status(large.body).reason]).toEqual([413, 'RequestEntityTooLarge'])
  })

  it('warns of unknown fields by default with kubectl\'s validation off, and drops them', async () => {
    const manifest = JSON.stringify(configMap('warned', { data: { a: 'b' }, extra: 1 }))
    const warned = await kubectl.try(['create', '--validate=warn', '-f', '-'], { input: manifest })
    expect(warned.stderr.toString()).toContain('unknown field "extra"')
    const strict = await kubectl.try(['create', '--validate=strict', '-f', '-'], { input: manifest })
    expect(strict.stderr.toString()).toContain('unknown field "extra"')
    expect(strict.exitCode).toBe(1)
    const stored = JSON.parse(await kubectl.run(['get', 'configmap', 'warned', '-o', 'json'])) as object
    expect(stored).not.toHaveProperty('extra')
    expect(stored).toMatchObject({ data: { a: 'b' } })
  })

  it('refuses strangers: no certificate, a bad token, a certificate of a foreign CA', async () => {
    const url = `https://127.0.0.1:${cluster.apiPort}/api/v1/namespaces/default/secrets`
    const curl = async (...args: string[]): Promise<{ reason?: string; code?: number; message?: string }> => status((await run(['curl', '-sSk', ...args, url])).stdout)
    expect(await curl()).toMatchObject({ code: 403, reason: 'Forbidden', message: expect.stringContaining('User "system:anonymous" cannot list resource "secrets"') })
    expect(await curl('-H', 'Authorization: Bearer nonsense')).toMatchObject({ code: 401, reason: 'Unauthorized' })
    const foreign = await createCa({ commonName: 'bramble-ca' }, { now: Date.now(), ttl: 86_400_000 })
    const fake = await issueCertificate(foreign, { commonName: 'kubernetes-admin', organizations: ['system:masters'] }, { now: Date.now(), ttl: 86_400_000, usages: ['client'] })
    await writeFile(join(cluster.dir, 'fake.crt'), fake.certPem)
    await writeFile(join(cluster.dir, 'fake.key'), fake.keyPem)
    expect((await curl('--cert', join(cluster.dir, 'fake.crt'), '--key', join(cluster.dir, 'fake.key'))).code).toBe(401)
  })
})

describe('MQTT', () => {
  const mosquitto = (program: 'mosquitto_pub' | 'mosquitto_sub', cert: string, key: string, ...args: string[]) =>
    run([program, '-h', '127.0.0.1', '-p', String(cluster.mqttPort), '--cafile', join(cluster.dir, 'cp/pki/ca.crt'), '--cert', cert, '--key', key, '-V', 'mqttv311', ...args], { timeout: 10_000 })

  it('keeps a node to its own topics', async () => {
    const ca = { certPem: await readFile(join(cluster.dir, 'cp/pki/ca.crt'), 'utf8'), keyPem: await readFile(join(cluster.dir, 'cp/pki/ca.key'), 'utf8') }
    const other = await issueCertificate(ca, { commonName: 'system:node:pi-2', organizations: ['system:nodes'] }, { now: Date.now(), ttl: 86_400_000, usages: ['client'] })
    const [cert, key] = [join(cluster.dir, 'pi-2.crt'), join(cluster.dir, 'pi-2.key')]
    await writeFile(cert, other.certPem)
    await writeFile(key, other.keyPem)
    const before = await kubectl.run(['get', 'nodes', '-o', 'name'])
    await mosquitto('mosquitto_pub', cert, key, '-i', 'x', '-q', '1', '-t', `bramble/v1/nodes/${cluster.nodeName}/up`, '-m', '{"type":"nonsense"}')
    const seen = await mosquitto('mosquitto_sub', cert, key, '-i', 'y', '-W', '2', '-t', `bramble/v1/nodes/${cluster.nodeName}/#`)
    expect(seen.stdout.toString()).toBe('')
    await eventually('the refusal is logged', async () => (await cluster.controlPlane.log()).includes('pi-2'), 10_000)
    expect(await kubectl.run(['get', 'nodes', '-o', 'name'])).toBe(before)
  })

  it('lets nobody in with a certificate of a foreign CA', async () => {
    const refused = await mosquitto('mosquitto_pub', join(cluster.dir, 'fake.crt'), join(cluster.dir, 'fake.key'), '-t', 'bramble/v1/nodes/pi-1/up', '-m', 'x')
    expect(refused.exitCode).not.toBe(0)
  })

  it('does not enrol a node with a bad token', async () => {
    const flags = ['--server', `https://127.0.0.1:${cluster.apiPort}`, '--data-dir', join(cluster.dir, 'stranger'), '--node-name', 'stranger', '--runtime', 'containerd', '--containerd-address', cluster.engine.address]
    const token = (await cluster.bramble(['token', 'create'])).stdout.toString().trim()
    const wrongSecret = token.replace(/\.[a-z0-9]{16}@/, '.aaaaaaaaaaaaaaaa@')
    const wrongCa = token.replace(/@.*/, `@${'0'.repeat(64)}`)
    for (const [bad, why] of [[wrongSecret, /token/i], [wrongCa, /CA|certificate/], ['rubbish', /join token/]] as const) {
      const result = await run([process.execPath, join(import.meta.dirname, '../../node-agent/main.ts'), ...flags], { env: { ...process.env, BRAMBLE_TOKEN: bad }, timeout: 20_000 })
      expect(result.timedOut).toBe(false)
      expect(result.exitCode).not.toBe(0)
      expect(result.stderr.toString()).toMatch(why)
      expect(result.stderr.toString()).not.toContain(bad)
    }
    expect((await kubectl.try(['get', 'node', 'stranger'])).exitCode).toBe(1)
  })
})

describe('containers that cannot run', () => {
  const waiting = async (name: string, container: object, reason: RegExp): Promise<PodList['items'][0]> => {
    await kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'main', ...container }] } })
    return await eventually(`${name} shows ${reason}`, async () => {
      const pod = await kubectl.json<PodList['items'][0]>(['get', 'pod', name])
      return reason.test(pod.status.containerStatuses?.[0]?.state?.waiting?.reason ?? '') && pod
    }, 120_000)
  }
  it('shows ErrImagePull, then ImagePullBackOff', async () => {
    await waiting('no-image', { image: '127.0.0.1:9/none:1' }, /^ErrImagePull$/)
    const pod = await waiting('no-image', { image: '127.0.0.1:9/none:1' }, /^ImagePullBackOff$/)
    expect(pod.status.containerStatuses?.[0]?.state?.waiting?.message).toMatch(/Back-off pulling image "127.0.0.1:9\/none:1"/)
  })
  it('shows InvalidImageName and ErrImageNeverPull', async () => {
    await waiting('bad-name', { image: 'UPPER/Case:::x' }, /^InvalidImageName$/)
    await waiting('never', { image: 'bramble.test/absent:1', imagePullPolicy: 'Never' }, /^ErrImageNeverPull$/)
  })
  it('shows CrashLoopBackOff with the exit code of the last run', async () => {
    const pod = await waiting('crash', { image: testImage, command: ['sh', '-c', 'exit 7'] }, /^CrashLoopBackOff$/)
    expect(pod.status.containerStatuses?.[0]?.lastState?.terminated).toMatchObject({ exitCode: 7, reason: 'Error' })
    expect(pod.status.containerStatuses?.[0]?.state?.waiting?.message).toMatch(/^back-off (10|20|40)s restarting failed container=main pod=crash_default\(/)
  })
  it('shows a command that does not exist and a ConfigMap that does not exist', async () => {
    const pod = await waiting('no-command', { image: testImage, command: ['/no/such/program'] }, /^(CrashLoopBackOff|RunContainerError)$/)
    expect(JSON.stringify(pod.status.containerStatuses)).toMatch(/StartError|ContainerCannotRun|RunContainerError/)
    const config = await waiting('no-config', { image: testImage, env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'absent', key: 'a' } } }] }, /^CreateContainerConfigError$/)
    expect(config.status.containerStatuses?.[0]?.state?.waiting?.message).toBe('configmap "absent" not found')
  })
})
