/** What kubectl does through a node's streams, by old kubectl (SPDY) and new (WebSocket), on both engines. */
import { createHash, randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run, start } from '../../shared/host/exec.ts'
import { Cluster, eventually, freePort } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import { kubectls, Kubectl } from '../testbed/kubectl.ts'

const web = (name: string): object => ({
  apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 0, containers: [{
      name: 'web', image: testImage, ports: [{ containerPort: 8080 }],
      command: ['sh', '-c', 'mkdir -p /www/cgi-bin; echo hello > /www/index.html; httpd -p 127.0.0.1:9090 -h /www; exec httpd -f -p 8080 -h /www'],
      readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 },
    }],
  },
})
const hash = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
/** kubectl on a terminal of its own, which is given `input` at once. */
const onTerminal = (kubectl: Kubectl, args: readonly string[], input: string) =>
  run(['runuser', '--pty', '-u', 'root', '--', ...kubectl.argv(args)], { input, timeout: 60_000, env: kubectl.env() })

describe.each(['containerd', 'docker'] as const)('streams on %s', (runtime) => {
  let cluster: Cluster
  let all: Kubectl[]
  let kubectl: Kubectl
  beforeAll(async () => {
    cluster = await Cluster.start({ runtime })
    all = (await kubectls(['1.27', '1.33'])).map((binary) => new Kubectl(binary, cluster.kubeconfig))
    kubectl = all.at(-1) as Kubectl
    await kubectl.apply([web('web'), { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web', namespace: 'default' }, spec: { selector: { app: 'web' }, ports: [{ name: 'http', port: 80, targetPort: 8080 }] } }])
    await kubectl.run(['wait', '--for=condition=Ready', 'pod/web', '--timeout=60s'])
  })
  afterAll(() => cluster?.stop())

  it('exec: exit codes, both outputs, input to its end', async () => {
    for (const k of all) {
      const failed = await k.try(['exec', 'web', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'])
      expect([failed.exitCode, failed.stdout.toString(), failed.stderr.toString()]).toEqual([3, 'out\n', expect.stringContaining('err\n')])
      expect((await k.try(['exec', '-i', 'web', '--', 'sh', '-c', 'wc -c'], { input: 'x'.repeat(300_000) })).stdout.toString().trim()).toBe('300000')
    }
  })

  it('cp: 8 MB there and back, byte for byte', async () => {
    const data = randomBytes(8 << 20)
    const [there, back] = [join(cluster.dir, 'there'), join(cluster.dir, 'back')]
    await writeFile(there, data)
    for (const k of all) {
      await k.run(['cp', there, 'web:/tmp/file'])
      await k.run(['cp', 'web:/tmp/file', back])
      expect(hash(await readFile(back))).toBe(hash(data))
    }
  })

  it('port-forward: the pod\'s address, its loopback, and a port nobody listens on', async () => {
    for (const k of all) {
      const ports = [await freePort(), await freePort(), await freePort()]
      const child = start(k.argv(['port-forward', 'pod/web', `${ports[0]}:8080`, `${ports[1]}:9090`, `${ports[2]}:7`]), { stdio: ['ignore', 'pipe', 'pipe'] })
      let said = ''
      child.stderr?.on('data', (d: Buffer) => { said += d.toString() })
      try {
        const get = (port: number | undefined) => fetch(`http://127.0.0.1:${port}/`).then((r) => r.text())
        await eventually('it listens', async () => await get(ports[0]) === 'hello\n', 20_000)
        expect(await Promise.all(Array.from({ length: 20 }, (_, i) => get(ports[i % 2])))).toEqual(Array.from({ length: 20 }, () => 'hello\n'))
        await expect(get(ports[2])).rejects.toThrow()
        await eventually('the refusal is told', async () => /connection refused/.test(said), 5000)
      } finally {
        child.kill()
      }
    }
  })

  it('run -i: input reaches the program, its end as well, and the exit code comes back', async () => {
    for (const [i, k] of all.entries()) {
      const result = await k.try(['run', `once-${i}`, '-i', '--rm', '--restart=Never', `--image=${testImage}`, '--command', '--', 'sh', '-c', 'cat && echo stdin closed; exit 4'], { input: 'hi there\n' })
      expect([result.exitCode, result.stdout.toString()]).toEqual([4, expect.stringContaining('hi there\nstdin closed\n')])
    }
  })

  it('run -it: a terminal', async () => {
    const result = await onTerminal(kubectl, ['run', 'term', '-it', '--rm', '--restart=Never', `--image=${testImage}`, '--command', '--', 'sh', '-c', 'read line; tty; echo got-$line; exit 5'], 'typed\n')
    expect(result.stdout.toString()).toMatch(/\/dev\/(pts\/0|console)\r\n[^]*got-typed\r\n/)
    expect(result.exitCode).toBe(5)
  })

  it('debug: an ephemeral container that sees the target\'s processes', async () => {
    const names: string[] = []
    for (const k of all) {
      const name = `dbg-${k.version.replace('.', '-').toLowerCase()}`
      const result = await onTerminal(k, ['debug', '-it', 'web', `--image=${testImage}`, '--target=web', '-c', name, '--', 'sh', '-c', 'read line; ps; echo got-$line'], 'typed\n')
      expect(result.stdout.toString()).toMatch(/httpd -f -p 8080[^]*got-typed/)
      names.push(name)
    }
    const { status } = await kubectl.json<{ status: { ephemeralContainerStatuses: { name: string }[] } }>(['get', 'pod', 'web'])
    expect(status.ephemeralContainerStatuses.map((c) => c.name)).toEqual(names)
  })

  it('proxies to pods, services and the node', async () => {
    const raw = (path: string) => kubectl.try(['get', '--raw', path])
    const ns = '/api/v1/namespaces/default'
    for (const path of [`${ns}/pods/web/proxy/`, `${ns}/pods/web:8080/proxy/index.html`, `${ns}/services/web:http/proxy/`, `${ns}/services/http:web:80/proxy/`, `${ns}/pods/web/proxy`]) {
      expect((await raw(path)).stdout.toString()).toBe('hello\n')
    }
    expect((await raw(`${ns}/services/web:99/proxy/`)).stderr.toString()).toContain('no service port 99 found for service "web"')
    expect((await raw(`/api/v1/nodes/${cluster.nodeName}/proxy/healthz`)).stdout.toString()).toBe('ok')
    expect(JSON.parse((await raw(`/api/v1/nodes/${cluster.nodeName}/proxy/pods`)).stdout.toString())).toMatchObject({ kind: 'PodList' })
  })

  it('top: what node and pods use', async () => {
    expect(await kubectl.run(['top', 'node'])).toMatch(new RegExp(`${cluster.nodeName} +\\d+m +\\d+% +\\d+Mi`))
    expect(await kubectl.run(['top', 'pod', 'web', '--containers'])).toMatch(/web +web +\d+m +\d+Mi/)
  })

  it('an eviction that the budget forbids', async () => {
    await kubectl.apply({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'keep', namespace: 'default' }, spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } } })
    const eviction = JSON.stringify({ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'web', namespace: 'default' } })
    const refused = await kubectl.try(['create', '--raw', '/api/v1/namespaces/default/pods/web/eviction', '-f', '-'], { input: eviction })
    expect(refused.stderr.toString()).toContain('Cannot evict pod as it would violate the pod\'s disruption budget.')
    await kubectl.run(['delete', 'pdb', 'keep'])
  })

  it('an attached client sees a clean end when the agent is restarted, and the container goes on', async () => {
    const child = start(kubectl.argv(['exec', 'web', '--', 'sh', '-c', 'echo ready; sleep 100']), { stdio: ['ignore', 'pipe', 'pipe'] })
    await new Promise<void>((resolve) => child.stdout?.once('data', () => resolve()))
    const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
    await cluster.agent.kill('SIGKILL')
    expect(await ended).not.toBe(0)
    await cluster.startAgent()
    await eventually('exec works again', async () => (await kubectl.try(['exec', 'web', '--', 'true'])).exitCode === 0, 30_000)
    expect((await kubectl.json<{ status: { containerStatuses: { restartCount: number }[] } }>(['get', 'pod', 'web'])).status.containerStatuses[0]?.restartCount).toBe(0)
  })
})
