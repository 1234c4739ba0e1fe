/** Who a container is, what it may do, and how much it may use. */
import type { Container } from '../../../shared/api/core-v1.ts'
import { eventually, forever, inside, kept, main, podOf, refused, status, story, waiting, type Row } from '../row.ts'

const S = 'spec.containers[].securityContext'
const caps = 'grep CapEff /proc/self/status | cut -f2'
/** Bits of a capability set that a container has. */
const has = (bit: number): string => `[ $(( (0x$(${caps}) >> ${bit}) & 1 )) = 1 ]`

export const securityRows: readonly Row[] = [
  inside({ id: 'run-as', fields: [`${S}.runAsUser`, `${S}.runAsGroup`, 'spec.securityContext.supplementalGroups', 'spec.securityContext.supplementalGroupsPolicy'], says: 'user, group and further groups are those asked for', spec: { securityContext: { supplementalGroups: [3000, 3001], supplementalGroupsPolicy: 'Merge' } }, container: { securityContext: { runAsUser: 1234, runAsGroup: 2345 } }, script: 'id -u; id -g; id -G', sees: '1234\n2345\n2345 3000 3001' }),
  inside({ id: 'run-as-pod', fields: ['spec.securityContext.runAsUser', 'spec.securityContext.runAsGroup'], says: 'the pod\'s are used where a container has none', spec: { securityContext: { runAsUser: 1111, runAsGroup: 2222 } }, script: 'id -u; id -g', sees: '1111\n2222' }),
  inside({ id: 'image-groups', fields: ['spec.securityContext.supplementalGroupsPolicy'], says: 'Merge adds the groups that the image gives the user', container: { securityContext: { runAsUser: 1000 } }, script: 'id -G', sees: /\b2000\b/ }),
  status({ id: 'non-root', fields: [`${S}.runAsNonRoot`], says: 'an image that would run as root does not start', container: { securityContext: { runAsNonRoot: true } }, status: { containerStatuses: [{ state: { waiting: { reason: 'CreateContainerConfigError', message: { matches: /^container has runAsNonRoot and image will run as root/ } } } }] } }),
  status({ id: 'non-root-pod', fields: ['spec.securityContext.runAsNonRoot'], says: 'nor one whose user is 0', spec: { securityContext: { runAsNonRoot: true } }, container: { securityContext: { runAsUser: 1 } }, status: { phase: 'Succeeded' } }),
  inside({ id: 'cap-default', fields: [`${S}.capabilities.*`], says: 'the engines\' default set: may change owners, may not administer the system', script: `${has(0)} && echo chown; ${has(21)} || echo no-admin`, sees: 'chown\nno-admin' }),
  inside({ id: 'cap-add', fields: [`${S}.capabilities.add`, `${S}.capabilities.drop`], says: 'added and dropped capabilities', container: { securityContext: { capabilities: { add: ['NET_ADMIN'], drop: ['CHOWN'] } } }, script: `${has(12)} && echo net-admin; ${has(0)} || echo no-chown`, sees: 'net-admin\nno-chown' }),
  inside({ id: 'cap-none', fields: [`${S}.capabilities.drop`], says: 'ALL leaves none', container: { securityContext: { capabilities: { drop: ['ALL'] } } }, script: caps, sees: '0000000000000000' }),
  inside({ id: 'privileged', fields: [`${S}.privileged`], says: 'a privileged container has the agent\'s capabilities and the node\'s devices', container: { securityContext: { privileged: true } }, script: `${has(21)} && echo admin; test -c /dev/kmsg -o -b /dev/loop0 -o -c /dev/loop-control && echo devices`, sees: 'admin\ndevices' }),
  inside({ id: 'no-new-privileges', fields: [`${S}.allowPrivilegeEscalation`], says: 'false sets no_new_privs', container: { securityContext: { allowPrivilegeEscalation: false } }, script: 'grep NoNewPrivs /proc/self/status | cut -f2', sees: '1' }),
  inside({ id: 'may-escalate', fields: [`${S}.allowPrivilegeEscalation`], says: 'by default it is not set', script: 'grep NoNewPrivs /proc/self/status | cut -f2', sees: '0' }),
  inside({ id: 'read-only-root', fields: [`${S}.readOnlyRootFilesystem`], says: 'the root cannot be written, volumes can', spec: { volumes: [{ name: 'v', emptyDir: {} }] }, container: { volumeMounts: [{ name: 'v', mountPath: '/v' }], securityContext: { readOnlyRootFilesystem: true } }, script: 'touch /x 2>&1 | grep -o Read-only; touch /v/x && echo ok', sees: 'Read-only\nok' }),
  inside({ id: 'seccomp-default', fields: [`${S}.seccompProfile.type`], says: 'RuntimeDefault filters system calls', container: { securityContext: { seccompProfile: { type: 'RuntimeDefault' } } }, script: 'grep Seccomp: /proc/self/status | cut -f2', sees: '2' }),
  inside({ id: 'seccomp-off', fields: ['spec.securityContext.seccompProfile.type'], says: 'Unconfined, the default, does not', spec: { securityContext: { seccompProfile: { type: 'Unconfined' } } }, script: 'grep Seccomp: /proc/self/status | cut -f2', sees: '0' }),
  story({
    id: 'seccomp-local', fields: [`${S}.seccompProfile.localhostProfile`, 'spec.securityContext.seccompProfile.localhostProfile'], says: 'a profile of the node\'s folder is used',
    async tell({ kubectl, cluster }) {
      const { mkdir, writeFile } = await import('node:fs/promises')
      const folder = `${cluster.dir}/agent/pods/seccomp`
      await mkdir(folder, { recursive: true })
      await writeFile(`${folder}/no-mkdir.json`, JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] }))
      await kubectl.apply(podOf('seccomp-local', { container: { command: ['sh', '-c', '! mkdir /tmp/x && grep -q "Seccomp:.2" /proc/self/status'], securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'no-mkdir.json' } } } }))
      await eventually('it has ended well', async () => (await kubectl.said(['get', 'pod', 'seccomp-local', '-o', 'jsonpath={.status.phase}'])).out === 'Succeeded')
    },
  }),
  refused({ id: 'apparmor', fields: [`${S}.appArmorProfile.*`, 'spec.securityContext.appArmorProfile.*'], says: 'a profile is refused where the kernel has no AppArmor', by: 'cluster', reason: 'AppArmor', container: { securityContext: { appArmorProfile: { type: 'Localhost', localhostProfile: 'k8s-x' } } }, message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' }),
  kept({ id: 'selinux', fields: [`${S}.seLinuxOptions.*`, 'spec.securityContext.seLinuxOptions.*', 'spec.securityContext.seLinuxChangePolicy'], says: 'kept; labels mean nothing on a kernel without SELinux, which Debian and Raspberry Pi OS are', container: { securityContext: { seLinuxOptions: { level: 's0:c1,c2', role: 'r', type: 't', user: 'u' } } } }),
  refused({ id: 'windows', fields: [`${S}.windowsOptions.*`, 'spec.securityContext.windowsOptions.*'], says: 'Windows options are refused for a Linux pod', by: 'api', spec: { os: { name: 'linux' } }, container: { securityContext: { windowsOptions: { runAsUserName: 'x' } } }, message: /windowsOptions/ }),
  inside({ id: 'sysctls', fields: ['spec.securityContext.sysctls[].*'], says: 'safe sysctls are set in the pod', spec: { securityContext: { sysctls: [{ name: 'net.ipv4.ip_local_port_range', value: '20000 30000' }] } }, script: 'cat /proc/sys/net/ipv4/ip_local_port_range | tr "\\t" " "', sees: '20000 30000' }),
  status({ id: 'sysctl-unsafe', fields: ['spec.securityContext.sysctls[].*'], says: 'unsafe ones are refused by the node', spec: { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '65536' }] } }, status: { phase: 'Failed', reason: 'SysctlForbidden', message: 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted' } }),
  inside({ id: 'proc-mount', fields: [`${S}.procMount`], says: 'parts of /proc are hidden by default', script: 'test -s /proc/kcore || echo hidden; echo 0 > /proc/sys/vm/swappiness', sees: /^hidden\n.*Read-only/ }),
]

const R = 'spec.containers[].resources'
/** v1 and v2 of cgroups, read from inside. */
const cg = (v1: string, v2: string): string => `cat /sys/fs/cgroup/${v1} 2>/dev/null || cat /sys/fs/cgroup/${v2}`

export const resourceRows: readonly Row[] = [
  inside({ id: 'limits', fields: [`${R}.limits`], says: 'cpu and memory limits are the cgroup\'s', container: { resources: { limits: { cpu: '500m', memory: '48Mi' } } }, script: `${cg('memory/memory.limit_in_bytes', 'memory.max')}; ${cg('cpu/cpu.cfs_quota_us', 'cpu.max')}`, sees: /^50331648\n50000/ }),
  inside({ id: 'requests', fields: [`${R}.requests`], says: 'a cpu request is the container\'s share', container: { resources: { requests: { cpu: '250m' } } }, script: cg('cpu/cpu.shares', 'cpu.weight'), sees: /^(256|10)$/ }),
  // Not before its start is over for the engine too: Docker watches a container's memory from then on.
  status({ id: 'oom', fields: [`${R}.limits`], says: 'a container that uses more memory is killed and says OOMKilled', container: { command: ['sh', '-c', 'until [ -e /go ]; do sleep 0.1; done; tail /dev/zero'], lifecycle: { postStart: { exec: { command: ['touch', '/go'] } } }, resources: { limits: { memory: '32Mi' } } }, status: { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: 137, reason: 'OOMKilled' } } }] } }),
  refused({ id: 'hugepages', fields: [`${R}.limits`], says: 'hugepages are refused', by: 'cluster', spec: { nodeName: 'pi-1' }, container: { resources: { limits: { 'hugepages-2Mi': '2Mi', memory: '8Mi', cpu: '10m' } } }, message: /hugepages-2Mi/ }),
  story({
    id: 'resize', fields: ['spec.containers[].resizePolicy[].*', `${R}.limits`], says: 'cpu and memory change in place, without a restart; with RestartContainer, by one',
    pod: podOf('resize', { spec: { restartPolicy: 'Always' }, container: { command: forever, resources: { limits: { cpu: '500m', memory: '32Mi' } }, resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }, { resourceName: 'memory', restartPolicy: 'RestartContainer' }] } }),
    async tell({ kubectl }) {
      await kubectl.run(`wait --for=condition=Ready pod/resize ${waiting}`)
      const patch = (resources: object): Promise<string> => kubectl.run(['patch', 'pod', 'resize', '--subresource=resize', '-p', JSON.stringify({ spec: { containers: [{ name: main, resources: { limits: resources, requests: resources } }] } })])
      const seen = async (): Promise<{ restartCount: number; resources?: Container['resources'] } | undefined> => (await kubectl.json<{ status: { containerStatuses?: { restartCount: number; resources?: Container['resources'] }[] } }>('get pod resize')).status.containerStatuses?.[0]
      await patch({ cpu: '250m' })
      await eventually('the new limit is in force', async () => (await kubectl.said(['exec', 'resize', '--', 'sh', '-c', cg('cpu/cpu.cfs_quota_us', 'cpu.max')])).out.startsWith('25000'))
      await eventually('and in the status', async () => { const s = await seen(); return s?.restartCount === 0 && s.resources?.limits?.cpu === '250m' })
      await patch({ memory: '48Mi' })
      await eventually('memory by a restart', async () => { const s = await seen(); return s?.restartCount === 1 && s.resources?.limits?.memory === '48Mi' })
      await kubectl.run(`wait --for=condition=Ready pod/resize ${waiting}`)
      if (!(await kubectl.said(['exec', 'resize', '--', 'sh', '-c', cg('memory/memory.limit_in_bytes', 'memory.max')])).out.startsWith('50331648')) throw new Error('the memory limit is the old one')
    },
  }),
]
