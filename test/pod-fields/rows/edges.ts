/** Corners of environment, files, volumes and security that one row of a field does not reach. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { eventually, forever, inside, onNode, podOf, refused, status, story, waiting, type Row } from '../row.ts'

const C = 'spec.containers[]'
const S = `${C}.securityContext`
const at = (mountPath: string, more: object = {}) => ({ volumeMounts: [{ name: 'v', mountPath, ...more }] })
const map = (name: string, data: Record<string, string>): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data })
const service = (name: string, namespace: string, spec: object): object => ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec })
const long = `edge-${'a'.repeat(66)}`

export const edgeRows: readonly Row[] = [
  inside({
    id: 'edge-services', fields: ['spec.enableServiceLinks'], says: 'no variables for a headless or an external Service, nor for one of another namespace', spec: { enableServiceLinks: true },
    objects: [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'edge-other' } }, service('edge-headless', 'default', { clusterIP: 'None', ports: [{ port: 80 }] }),
      service('edge-external', 'default', { type: 'ExternalName', externalName: 'example.com', ports: [{ port: 80 }] }), service('edge-far', 'edge-other', { ports: [{ port: 80 }] }),
    ], script: 'env | grep -c ^EDGE_', sees: '0',
  }),
  inside({ id: 'edge-env-from', fields: [`${C}.envFrom[].*`], says: 'keys that are no C identifiers are variables too; a variable of its own wins', objects: [map('edge-keys', { '1.a-b': 'x', own: 'map' })], container: { envFrom: [{ prefix: 'p.', configMapRef: { name: 'edge-keys' } }], env: [{ name: 'p.own', value: 'mine' }] }, script: 'tr "\\\\0" "\\\\n" </proc/1/environ | grep ^p | sort', sees: 'p.1.a-b=x\np.own=mine' }),
  inside({
    id: 'edge-refs', fields: [`${C}.env[].valueFrom.fieldRef.*`, `${C}.env[].valueFrom.resourceFieldRef.*`], says: 'one label or annotation by its key; amounts rounded up by their divisor', metadata: { labels: { 'a.b/c': 'l' }, annotations: { 'x/y': "it's" } },
    container: {
      resources: { requests: { cpu: '250m', memory: '1500Ki' }, limits: { cpu: '1500m', memory: '33Mi' } },
      env: [...Object.entries({ A: "metadata.labels['a.b/c']", B: "metadata.annotations['x/y']", C: "metadata.labels['none']" }).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })),
        ...Object.entries({ D: 'requests.cpu', E: 'limits.cpu' }).map(([name, resource]) => ({ name, valueFrom: { resourceFieldRef: { resource } } })), { name: 'F', valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } } }, { name: 'G', valueFrom: { resourceFieldRef: { resource: 'requests.memory', divisor: '1Mi' } } }],
    }, script: 'echo "$A|$B|$C|$D|$E|$F|$G"', sees: "l|it's||1|2|250|2",
  }),
  inside({
    id: 'edge-hosts', fields: ['spec.hostAliases[].*'], says: '/etc/hosts is upstream\'s, line for line', spec: { hostAliases: [{ ip: '192.0.2.9', hostnames: ['x'] }] }, script: 'cat /etc/hosts',
    sees: (_, pod) => ['# Kubernetes-managed hosts file.', '127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback', 'fe00::0\tip6-localnet', 'fe00::0\tip6-mcastprefix', 'fe00::1\tip6-allnodes', 'fe00::2\tip6-allrouters', `${pod.status?.podIP}\tedge-hosts`, '', '# Entries added by HostAliases.', '192.0.2.9\tx'].join('\n'),
  }),
  inside({ id: 'edge-host-hosts', fields: ['spec.hostNetwork'], says: 'with the node\'s network it is the node\'s', spec: { hostNetwork: true }, script: 'head -1 /etc/hosts; grep -c "^127.0.0.1" /etc/hosts', sees: /^# Kubernetes-managed hosts file \(host network\)\.\n[1-9]/ }),
  inside({ id: long, fields: ['spec.hostname'], says: 'a name that is too long for a host is cut to 63 characters', script: 'hostname', sees: long.slice(0, 63) }),
  refused({ id: 'edge-fqdn', fields: ['spec.setHostnameAsFQDN'], says: 'a full name that is too long for the kernel is told', by: 'cluster', spec: { hostname: 'a'.repeat(40), subdomain: 'shop', setHostnameAsFQDN: true }, reason: 'FailedCreatePodSandBox', message: /failed to construct FQDN from Pod hostname and cluster domain, FQDN a{40}\.shop\.default\.svc\.cluster\.local is too long \(64 characters is the max, \d+ characters requested\)$/ }),
  status({ id: 'edge-dns', fields: ['spec.dnsConfig.*'], says: 'more servers than a resolver reads are left out, and told', spec: { dnsConfig: { nameservers: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] } }, container: { command: ['sh', '-c', 'test "$(grep -c ^nameserver /etc/resolv.conf)" = 3'] }, status: { phase: 'Succeeded' }, events: [{ reason: 'DNSConfigForming', message: 'Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: 10.96.0.10 192.0.2.1 192.0.2.2' }] }),
  story({
    id: 'edge-host-path', fields: ['spec.volumes[].hostPath.type'], says: 'each type takes what it names and nothing else',
    async tell({ kubectl }) {
      const dir = `${onNode}/edge`
      await mkdir(`${dir}/folder`, { recursive: true })
      await writeFile(`${dir}/file`, 'f')
      const socket = createServer().listen(`${dir}/socket`)
      try {
        const paths: Record<string, string> = { Directory: `${dir}/folder`, File: `${dir}/file`, FileOrCreate: `${dir}/made`, Socket: `${dir}/socket`, CharDevice: '/dev/null', DirectoryOrCreate: `${dir}/new/er`, '': `${dir}/plain` }
        const types = Object.keys(paths)
        await kubectl.apply(podOf('edge-host-path', {
          spec: { volumes: types.map((type, i) => ({ name: `v${i}`, hostPath: { path: paths[type]!, type } })) },
          container: { command: ['sh', '-c', 'test -d /m/0 && test -f /m/1 && test -f /m/2 && test -S /m/3 && test -c /m/4 && test -d /m/5 && test -d /m/6'], volumeMounts: types.map((_, i) => ({ name: `v${i}`, mountPath: `/m/${i}` })) },
        }))
        const wrong = { Directory: [`${dir}/file`, 'directory'], File: [`${dir}/folder`, 'file'], Socket: [`${dir}/file`, 'socket file'], CharDevice: [`${dir}/file`, 'character device'], BlockDevice: ['/dev/null', 'block device'] } as const
        await kubectl.apply(Object.entries(wrong).map(([type, [path]]) => podOf(`edge-not-${type.toLowerCase()}`, { spec: { volumes: [{ name: 'v', hostPath: { path, type } }] }, container: at('/v') })))
        await eventually('all were found', async () => (await kubectl.said(['get', 'pod', 'edge-host-path', '-o', 'jsonpath={.status.phase}'])).out === 'Succeeded')
        for (const [type, [path, name]] of Object.entries(wrong)) {
          await eventually(`${type} is refused`, async () => (await kubectl.run(`get events --field-selector involvedObject.name=edge-not-${type.toLowerCase()},reason=FailedMount`)).includes(`MountVolume.SetUp failed for volume "v" : hostPath type check failed: ${path} is not a ${name}`))
        }
        await kubectl.run(['delete', 'pod', 'edge-host-path', ...Object.keys(wrong).map((t) => `edge-not-${t.toLowerCase()}`)])
      } finally {
        socket.close()
        await rm(dir, { recursive: true })
      }
    },
  }),
  story({
    id: 'edge-updates', fields: ['spec.volumes[].downwardAPI.*', 'spec.volumes[].configMap.*', `${C}.volumeMounts[].subPath`], says: 'files are links through ..data, which moves when the object does; a part mounted by subPath stays; a label shows',
    objects: [map('edge-moving', { a: 'old' })],
    pod: podOf('edge-updates', {
      metadata: { labels: { who: 'me' } }, spec: { volumes: [{ name: 'v', configMap: { name: 'edge-moving' } }, { name: 'd', downwardAPI: { items: [{ path: 'who', fieldRef: { fieldPath: "metadata.labels['who']" } }] } }] },
      container: { command: forever, volumeMounts: [{ name: 'v', mountPath: '/v' }, { name: 'v', mountPath: '/part', subPath: 'a' }, { name: 'd', mountPath: '/d' }] },
    }),
    async tell({ kubectl }) {
      await kubectl.run(`wait --for=condition=Ready pod/edge-updates ${waiting}`)
      const seen = async (): Promise<string> => (await kubectl.said(['exec', 'edge-updates', '--', 'sh', '-c', 'cat /v/a /part /d/who; echo; readlink /v/a; readlink /v/..data'])).out
      const [before, link, data] = (await seen()).split('\n')
      if (before !== 'oldoldme' || link !== '..data/a' || !data?.startsWith('..2')) throw new Error(`seen: ${before} ${link} ${data}`)
      await kubectl.run(['patch', 'configmap', 'edge-moving', '-p', '{"data":{"a":"new"}}'])
      await kubectl.run('label pod edge-updates who=you --overwrite')
      await eventually('both moved', async () => { const lines = (await seen()).split('\n'); return lines[0] === 'newoldyou' && lines[1] === '..data/a' && lines[2] !== data })
      await kubectl.run('delete pod edge-updates --now')
    },
  }),
  refused({ id: 'edge-bidirectional', fields: [`${C}.volumeMounts[].mountPropagation`], says: 'Bidirectional is for privileged containers', by: 'api', spec: { volumes: [{ name: 'v', emptyDir: {} }] }, container: at('/v', { mountPropagation: 'Bidirectional' }), message: /Bidirectional mount propagation is available only to privileged containers/ }),
  story({
    id: 'edge-strict', fields: ['spec.securityContext.supplementalGroupsPolicy'], says: 'Strict leaves out the groups that the image gives the user, and the status says whom it runs as; Docker cannot, and such a pod is refused there',
    pod: podOf('edge-strict', { spec: { securityContext: { supplementalGroupsPolicy: 'Strict', supplementalGroups: [3000] } }, container: { command: ['sh', '-c', 'id -G >/dev/termination-log'], securityContext: { runAsUser: 1000 } } }),
    async tell({ kubectl, runtime }) {
      const wanted = runtime === 'docker' ? ['{.status.message}', 'Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node'] : ['{.status.containerStatuses[0].user.linux} {.status.containerStatuses[0].state.terminated.message}', '{"gid":1001,"supplementalGroups":[1001,3000],"uid":1000} 1001 3000']
      let seen = ''
      await eventually(`it says ${wanted[1]}`, async () => { seen = (await kubectl.said(['get', 'pod', 'edge-strict', '-o', `jsonpath=${wanted[0]}`])).out; return seen === wanted[1] }).catch(() => { throw new Error(`seen: ${seen}`) })
      if ((await kubectl.said(['get', 'node', 'pi-1', '-o', 'jsonpath={.status.features.supplementalGroupsPolicy}'])).out !== String(runtime === 'containerd')) throw new Error('the node says otherwise')
    },
  }),
  status({ id: 'edge-capability', fields: [`${S}.capabilities.add`], says: 'a capability that is none is told', container: { securityContext: { capabilities: { add: ['MAKE_COFFEE; id'] } } }, status: { containerStatuses: [{ state: { waiting: { reason: { matches: /^(CreateContainerError|RunContainerError)$/ }, message: { matches: /MAKE_COFFEE/ } } } }] } }),
  status({ id: 'edge-seccomp', fields: [`${S}.seccompProfile.localhostProfile`], says: 'a profile that is not there is told', container: { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'none/such.json' } } }, status: { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'CreateContainerError', message: { matches: /none\/such\.json/ } } } }] } }),
  refused({ id: 'edge-unmasked', fields: [`${S}.procMount`], says: 'Unmasked needs user namespaces', by: 'api', container: { securityContext: { procMount: 'Unmasked' } }, message: /hostUsers/ }),
  refused({ id: 'edge-escalate', fields: [`${S}.allowPrivilegeEscalation`], says: 'may not be false for a privileged container', by: 'api', container: { securityContext: { privileged: true, allowPrivilegeEscalation: false } }, message: /cannot set `allowPrivilegeEscalation` to false and `privileged` to true/ }),
  refused({ id: 'edge-runtime-class', fields: ['spec.runtimeClassName'], says: 'a class that is not there is refused', by: 'api', spec: { runtimeClassName: 'none-such' }, message: /RuntimeClass "none-such" not found/ }),
  status({ id: 'edge-sleep', fields: [`${C}.lifecycle.preStop`, `${C}.lifecycle.postStart.sleep.seconds`], says: 'a pause may be of no time', container: { lifecycle: { postStart: { sleep: { seconds: 0 } }, preStop: { sleep: { seconds: 0 } } } }, spec: { terminationGracePeriodSeconds: 5 }, status: { phase: 'Succeeded' } }),
]
