/** kubectl's commands about rights, oldest and newest supported: auth can-i, whoami, reconcile, --as, create token, certificate. */
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { refs } from '../../../shared/api/refs.ts'
import { writeKubeconfig } from '../../../shared/client/kubeconfig.ts'
import { systemClock } from '../../../shared/host/clock.ts'
import { run } from '../../../shared/host/exec.ts'
import { systemRandom } from '../../../shared/host/random.ts'
import { createKeyAndCsr } from '../../../shared/pki/certificates.ts'
import { createServiceAccountTokens } from '../../service-account-tokens.ts'
import { startFakeCluster } from '../fake-cluster.ts'
import type { FakeCluster } from '../fake-cluster.ts'

function kubectlOf(version: string): string {
  const path = (process.env.PATH ?? '').split(delimiter).map((d) => join(d, 'kubectl')).find((f) => existsSync(f))
  if (!path) throw new Error('kubectl is not installed: it is what this test is about')
  const file = join(dirname(realpathSync(path)), `kubectl.${version}`)
  if (!existsSync(file)) throw new Error(`${file} is not there: kubectl ${version} is what this test is about`)
  return file
}

const roleFor = (verbs: string): string => `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: ann}
rules: [{apiGroups: [""], resources: [pods], verbs: [${verbs}]}]
`

describe.each(['1.27', '1.33'])('kubectl %s', (version) => {
  let cluster: FakeCluster
  let directory: string
  let binary: string
  const kubectl = async (args: string, input = ''): Promise<{ exitCode: number | null; out: string; err: string }> => {
    const { exitCode, stdout, stderr } = await run([binary, `--kubeconfig=${directory}/config`, `--cache-dir=${directory}/cache`, ...args.split(' ')], { input, timeout: 20_000 })
    return { exitCode, out: stdout.toString().trim(), err: stderr.toString().trim() }
  }
  beforeAll(async () => {
    binary = kubectlOf(version)
    const { keyPem: signing } = await createKeyAndCsr({ commonName: 'sa' })
    cluster = await startFakeCluster({ deps: { tokens: createServiceAccountTokens({ keyPem: signing, clock: systemClock, random: systemRandom }) } })
    directory = mkdtempSync(join(tmpdir(), 'bramble-kubectl-'))
    const { certPem, keyPem } = await cluster.credentials('admin', ['system:masters'])
    writeFileSync(join(directory, 'config'), writeKubeconfig({ name: 'test', server: cluster.url, caPem: cluster.ca.certPem, user: 'admin', certPem, keyPem }))
  })
  afterAll(async () => {
    await cluster.close()
    rmSync(directory, { recursive: true })
  })

  it('asks what a user may, in their name', async () => {
    expect(await kubectl('auth can-i create pods')).toMatchObject({ exitCode: 0, out: 'yes' })
    expect(await kubectl('auth can-i create pods --as bob')).toMatchObject({ exitCode: 1, out: 'no' })
    expect((await kubectl('auth can-i --list --as bob')).out).toMatch(/selfsubjectrulesreviews\.authorization\.k8s\.io +\[\] +\[\] +\[create\]/)
    expect((await kubectl('get secrets --as bob --as-group dev')).err).toBe('Error from server (Forbidden): secrets is forbidden: User "bob" cannot list resource "secrets" in API group "" in the namespace "default"')
    // 1.27 asks a version that no server of today has on.
    if (version !== '1.27') expect((await kubectl('auth whoami --as bob')).out).toMatch(/Username +bob\n/)
  })

  it('reconciles roles, and is told what an escalation would add', async () => {
    expect((await kubectl('auth reconcile -f -', roleFor('get'))).err).toContain('reconciliation required create')
    expect((await kubectl('auth reconcile -f -', roleFor('get, list'))).err).toMatch(/missing rules added:\s+\{Verbs:\[list\]/)
    await kubectl('create clusterrole giver --verb=create --resource=clusterroles')
    await kubectl('create clusterrolebinding giver --clusterrole=giver --user=eve')
    expect((await kubectl('create clusterrole more --verb=get,list --resource=secrets --as eve')).err).toContain(
      'user "eve" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}')
  })

  it('makes a token that is its account', async () => {
    await cluster.admin.create(refs.ServiceAccount, { metadata: { name: 'robot', namespace: 'default' } })
    const { out: token } = await kubectl('create token robot --duration=20m')
    const client = cluster.with({ token: () => token })
    await expect(client.list(refs.Pod, { namespace: 'default' })).rejects.toMatchObject({ code: 403, message: expect.stringContaining('system:serviceaccount:default:robot') })
    await kubectl('create rolebinding robot --clusterrole=view --serviceaccount=default:robot')
    expect((await client.list(refs.Pod, { namespace: 'default' })).items).toEqual([])
  })

  it('approves and denies certificate requests', async () => {
    const { csrPem } = await createKeyAndCsr({ commonName: 'jane', organizations: ['dev'] })
    for (const name of ['yes', 'no']) {
      await kubectl('create -f -', JSON.stringify({ apiVersion: 'certificates.k8s.io/v1', kind: 'CertificateSigningRequest', metadata: { name }, spec: { request: Buffer.from(csrPem).toString('base64'), signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] } }))
    }
    expect((await kubectl('certificate approve yes')).out).toContain('yes approved')
    expect((await kubectl('certificate deny no')).out).toContain('no denied')
    expect((await kubectl('get csr --no-headers')).out.split('\n').map((l) => l.split(/ +/).at(-1)).sort()).toEqual(['Approved', 'Denied'])
    expect((await kubectl('certificate approve no')).err).toMatch(/Denied/)
  })
})
