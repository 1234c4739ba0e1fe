/** A day with kubectl: what an operator types first, on an old kubectl (SPDY) and a new one (WebSocket). */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { start } from '../../shared/host/exec.ts'
import { Cluster, eventually } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { Kubectl, kubectls } from '../testbed/kubectl.ts'
import type { PodList } from '../testbed/workloads.ts'

let cluster: Cluster
beforeAll(async () => { cluster = await Cluster.start({ runtime: 'containerd' }) })
afterAll(async () => { await cluster?.stop() })

describe.each(await kubectls(['1.27', '1.33']))('kubectl $version', (binary) => {
  const name = `day-${binary.version.replace('.', '-').toLowerCase()}`
  let kubectl: Kubectl
  beforeAll(() => { kubectl = new Kubectl(binary, cluster.kubeconfig) })
  afterAll(async () => { await kubectl.try(['delete', 'deployment,service', name, '--ignore-not-found', '--wait=false']) })
  const podNames = async (): Promise<string[]> => (await kubectl.json<PodList>(['get', 'pods', '-l', `app=${name}`])).items.filter((p) => !p.metadata.deletionTimestamp).map((p) => p.metadata.name)

  it('shows nodes, pods and services of all namespaces', async () => {
    const text = await kubectl.run(['get', 'nodes,pods,svc', '-A', '-o', 'wide'])
    expect(text).toMatch(/NAME\s+STATUS\s+ROLES\s+AGE\s+VERSION\s+INTERNAL-IP/)
    expect(text).toMatch(new RegExp(`node/${cluster.nodeName}\\s+Ready\\s`))
    expect(text).toMatch(/service\/kubernetes\s+ClusterIP\s+10\.96\.0\.1\s/)
  })

  it('creates, exposes, scales and watches a deployment', async () => {
    await kubectl.run(['create', 'deployment', name, `--image=${testImage}`, '--port=8080', '--', 'sh', '-c', 'mkdir -p /www; hostname > /www/index.html; echo started; trap "exit 0" TERM; httpd -f -p 8080 -h /www & wait'])
    await kubectl.run(['expose', 'deployment', name, '--port=80', '--target-port=8080', '--type=NodePort'])
    await kubectl.run(['scale', 'deployment', name, '--replicas=3'])
    expect(await kubectl.run(['rollout', 'status', `deployment/${name}`, '--timeout=60s'])).toContain('successfully rolled out')
    expect(await podNames()).toHaveLength(3)
    const { spec } = await kubectl.json<{ spec: { clusterIP: string; ports: { nodePort: number }[] } }>(['get', 'svc', name])
    for (const url of [`http://${spec.clusterIP}/`, `http://${cluster.nodeIp}:${spec.ports[0]?.nodePort}/`]) {
      const answer = await eventually(url, async () => (await cluster.curl(url)).trim(), 20_000)
      expect(await podNames()).toContain(answer)
    }
  })

  it('rolls out, undoes and tells the history', async () => {
    await kubectl.run(['set', 'env', `deployment/${name}`, 'COLOR=blue'])
    await kubectl.run(['rollout', 'status', `deployment/${name}`, '--timeout=60s'])
    expect(await kubectl.run(['rollout', 'history', `deployment/${name}`])).toMatch(/REVISION\s+CHANGE-CAUSE\n1\s+<none>\n2\s+<none>/)
    await kubectl.run(['rollout', 'undo', `deployment/${name}`])
    await kubectl.run(['rollout', 'status', `deployment/${name}`, '--timeout=60s'])
    expect(await kubectl.run(['rollout', 'history', `deployment/${name}`])).toMatch(/REVISION\s+CHANGE-CAUSE\n2\s+<none>\n3\s+<none>/)
    expect(await kubectl.run(['get', `deployment/${name}`, '-o', 'jsonpath={.spec.template.spec.containers[0].env}'])).toBe('')
  })

  it('follows logs until the container ends', async () => {
    const pod = `${name}-log`
    await kubectl.run(['run', pod, `--image=${testImage}`, '--restart=Never', '--', 'sh', '-c', 'for i in 1 2 3; do echo line $i; sleep 0.3; done'])
    await eventually('the container has started', async () => (await kubectl.run(['get', 'pod', pod, '-o', 'jsonpath={.status.containerStatuses[0].state}'])).match(/running|terminated/) !== null)
    expect(await kubectl.run(['logs', '-f', pod])).toBe('line 1\nline 2\nline 3\n')
    expect(await kubectl.run(['logs', pod, '--tail=1'])).toBe('line 3\n')
    expect(await kubectl.run(['logs', pod, '--timestamps', '--tail=1'])).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 3\n$/)
    await kubectl.run(['delete', 'pod', pod, '--grace-period=0', '--force'])
  })

  it('runs commands in a container: exit codes, input, both outputs, a terminal', async () => {
    const [pod] = await podNames()
    const exec = (...command: string[]) => kubectl.try(['exec', pod as string, '--', ...command])
    const both = await exec('sh', '-c', 'echo out; echo err >&2; exit 3')
    expect([both.stdout.toString(), both.exitCode]).toEqual(['out\n', 3])
    expect(both.stderr.toString()).toContain('err\n')
    const input = 'x'.repeat(100_000)
    const cat = await kubectl.try(['exec', '-i', pod as string, '--', 'head', '-c', '100000'], { input })
    expect(cat.stdout.toString()).toBe(input)
    // util-linux `script` gives kubectl the terminal it asks for; the words come from this file alone.
    const session = start(['script', '-qec', kubectl.argv(['exec', '-it', pod as string, '--', 'sh']).join(' '), '/dev/null'])
    let screen = ''
    session.stdout?.on('data', (d: Buffer) => { screen += d.toString() })
    await eventually('a prompt', async () => screen.includes('#'), 20_000)
    session.stdin?.write('test -t 0 && echo ter""minal; stty size; exit 4\n')
    const code = await new Promise((resolve) => session.once('close', resolve))
    expect(screen).toContain('terminal')
    expect(code).toBe(4)
  })

  it('describes what it sees', async () => {
    const [pod] = await podNames()
    const text = await kubectl.run(['describe', 'pod', pod as string])
    for (const part of [/^Name:\s+day-/m, /^Node:\s+pi-1\/10\./m, /^Status:\s+Running$/m, /Ready:\s+True/, /Scheduled\s+.*default-scheduler\s+Successfully assigned/, /Started\s+.*kubelet\s+Started container/]) expect(text).toMatch(part)
    expect(await kubectl.run(['describe', 'node', cluster.nodeName])).toMatch(/Non-terminated Pods:\s+\(\d+ in total\)/)
    expect(await kubectl.run(['describe', 'deployment', name])).toMatch(/Replicas:\s+3 desired \| 3 updated \| 3 total \| 3 available \| 0 unavailable/)
    expect(await kubectl.run(['describe', 'svc', name])).toMatch(/Endpoints:\s+10\.244\.\d+\.\d+:8080/)
  })

  it('deletes everything it made', async () => {
    await kubectl.run(['delete', 'deployment,service', name, '--timeout=60s'])
    await eventually('no pod is left', async () => (await kubectl.json<PodList>(['get', 'pods', '-l', `app=${name}`])).items.length === 0)
    expect((await kubectl.try(['get', 'deployment', name])).stderr.toString()).toContain(`Error from server (NotFound): deployments.apps "${name}" not found`)
  })
})
