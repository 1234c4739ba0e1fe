/** Fields of the pod as a whole: life, place, names. */
import { rm, writeFile } from 'node:fs/promises'
import { testImage } from '../../testbed/images.ts'
import type { PodList } from '../../testbed/workloads.ts'
import { eventually, forever, inside, kept, main, podOf, refused, status, story, waiting, type Row } from '../row.ts'

const ran = { phase: 'Succeeded' }
const scheduled = { conditions: [{ type: 'PodScheduled', status: 'True' }] }

export const podRows: readonly Row[] = [
  status({
    id: 'deadline', fields: ['spec.activeDeadlineSeconds'], says: 'a pod that runs longer is stopped and Failed with reason DeadlineExceeded',
    spec: { activeDeadlineSeconds: 1 }, container: { command: forever }, status: { phase: 'Failed', reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline' },
  }),
  status({
    id: 'affinity', fields: ['spec.affinity.nodeAffinity'], says: 'a pod whose node affinity fits the node runs there', status: ran,
    spec: { affinity: {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }] }] } },
    } },
  }),
  refused({
    id: 'pod-affinity', fields: ['spec.affinity.podAffinity', 'spec.affinity.podAntiAffinity'], says: 'required affinity between pods is refused by the scheduler, which does not have it yet', by: 'cluster', reason: 'FailedScheduling', message: /podAntiAffinity\) is not supported by this scheduler/,
    spec: { affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { nobody: 'has-it' } } }] } } },
  }),
  status({ id: 'node-selector', fields: ['spec.nodeSelector'], says: 'a pod with a selector no node fits is not scheduled', spec: { nodeSelector: { disk: 'none-has-this' } }, status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable' }] } }),
  status({ id: 'node-name', fields: ['spec.nodeName'], says: 'a pod that names its node runs there without the scheduler', spec: { nodeName: 'pi-1' }, status: ran }),
  status({ id: 'scheduler-name', fields: ['spec.schedulerName'], says: 'a pod of another scheduler is left to it', spec: { schedulerName: 'somebody-else' }, status: { phase: 'Pending' } }),
  status({ id: 'gates', fields: ['spec.schedulingGates[].name'], says: 'a gated pod waits', spec: { schedulingGates: [{ name: 'example.com/wait' }] }, status: { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] } }),
  status({
    id: 'tolerations', fields: ['spec.tolerations[].*'], says: 'tolerations are kept and let the pod run', status: ran,
    spec: { tolerations: [{ key: 'k', operator: 'Equal', value: 'v', effect: 'NoExecute', tolerationSeconds: 30 }] },
  }),
  refused({
    id: 'spread', fields: ['spec.topologySpreadConstraints[].*'], says: 'constraints with DoNotSchedule are refused by the scheduler, which does not have them yet', by: 'cluster', reason: 'FailedScheduling', message: /topologySpreadConstraints\) are not supported by this scheduler/, metadata: { labels: { app: 'spread' } },
    spec: { topologySpreadConstraints: [{ maxSkew: 1, minDomains: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'spread' } }, matchLabelKeys: ['version'], nodeAffinityPolicy: 'Honor', nodeTaintsPolicy: 'Ignore' }] },
  }),
  status({
    id: 'priority', fields: ['spec.priorityClassName', 'spec.priority', 'spec.preemptionPolicy'], says: 'the class gives the pod its priority', status: ran,
    objects: [{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' }], spec: { priorityClassName: 'high', preemptionPolicy: 'Never' },
  }),
  status({ id: 'overhead', fields: ['spec.overhead'], says: 'a RuntimeClass adds its overhead to what is scheduled and limited', objects: [{ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'heavy' }, handler: 'runc', overhead: { podFixed: { memory: '8Mi' } } }], spec: { runtimeClassName: 'heavy' }, status: ran }),
  status({ id: 'runtime-class', fields: ['spec.runtimeClassName'], says: 'the class names the handler that runs the containers', objects: [{ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name: 'plain' }, handler: 'runc' }], spec: { runtimeClassName: 'plain' }, status: ran }),
  status({ id: 'os-linux', fields: ['spec.os.name'], says: 'linux runs', spec: { os: { name: 'linux' } }, status: ran }),
  inside({ id: 'hostname-set', fields: ['spec.hostname', 'spec.subdomain'], says: 'the host name is the one asked for, and /etc/hosts has its full name', spec: { hostname: 'web-1', subdomain: 'shop' }, script: 'hostname; grep -c "web-1.shop.default.svc.cluster.local\tweb-1" /etc/hosts', sees: 'web-1\n1' }),
  inside({ id: 'hostname-fqdn', fields: ['spec.setHostnameAsFQDN'], says: 'the host name is the full one', spec: { hostname: 'web-1', subdomain: 'shop', setHostnameAsFQDN: true }, script: 'hostname', sees: 'web-1.shop.default.svc.cluster.local' }),
  inside({ id: 'host-aliases', fields: ['spec.hostAliases[].*'], says: '/etc/hosts has the aliases', spec: { hostAliases: [{ ip: '192.0.2.7', hostnames: ['a.example', 'b.example'] }] }, script: 'grep 192.0.2.7 /etc/hosts', sees: '192.0.2.7\ta.example\tb.example' }),
  inside({ id: 'dns-none', fields: ['spec.dnsPolicy', 'spec.dnsConfig.*'], says: '/etc/resolv.conf is made of dnsConfig alone with None', spec: { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.53'], searches: ['example.com'], options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }] } }, script: 'cat /etc/resolv.conf', sees: 'search example.com\nnameserver 192.0.2.53\noptions ndots:2 edns0' }),
  inside({ id: 'dns-cluster', fields: ['spec.dnsPolicy'], says: '/etc/resolv.conf names the cluster DNS and the search list with ClusterFirst', script: 'grep -E "^(nameserver|options)" /etc/resolv.conf; grep -o "default.svc.cluster.local svc.cluster.local cluster.local" /etc/resolv.conf', sees: 'nameserver 10.96.0.10\noptions ndots:5\ndefault.svc.cluster.local svc.cluster.local cluster.local' }),
  inside({ id: 'dns-default', fields: ['spec.dnsPolicy'], says: '/etc/resolv.conf is the node\'s with Default', spec: { dnsPolicy: 'Default' }, script: 'grep -c 10.96.0.10 /etc/resolv.conf', sees: '0' }),
  inside({
    id: 'service-links', fields: ['spec.enableServiceLinks'], says: 'Services of the namespace are in the environment', spec: { enableServiceLinks: true },
    objects: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'linked-db', namespace: 'default' }, spec: { clusterIP: '10.96.77.1', ports: [{ name: 'sql', port: 5432 }] } }],
    script: 'env | grep ^LINKED_DB | sort', sees: 'LINKED_DB_PORT=tcp://10.96.77.1:5432\nLINKED_DB_PORT_5432_TCP=tcp://10.96.77.1:5432\nLINKED_DB_PORT_5432_TCP_ADDR=10.96.77.1\nLINKED_DB_PORT_5432_TCP_PORT=5432\nLINKED_DB_PORT_5432_TCP_PROTO=tcp\nLINKED_DB_SERVICE_HOST=10.96.77.1\nLINKED_DB_SERVICE_PORT=5432\nLINKED_DB_SERVICE_PORT_SQL=5432',
  }),
  inside({
    id: 'service-links-off', fields: ['spec.enableServiceLinks'], says: 'without links only the API server\'s own Service is', spec: { enableServiceLinks: false },
    objects: [{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'unlinked', namespace: 'default' }, spec: { ports: [{ port: 80 }] } }], script: 'env | grep -c ^UNLINKED; env | grep ^KUBERNETES_SERVICE_PORT=', sees: '0\nKUBERNETES_SERVICE_PORT=443',
  }),
  inside({ id: 'host-network', fields: ['spec.hostNetwork'], says: 'the node\'s own addresses are seen', spec: { hostNetwork: true }, script: 'ip -o link | grep -o "brt[0-9]*h" | sort', sees: (w) => new RegExp(`^${w.cluster.netns}h$`, 'm') }),
  inside({ id: 'host-pid', fields: ['spec.hostPID'], says: 'the node\'s processes are seen', spec: { hostPID: true }, script: '[ "$(ps | grep -c node-agent/main.ts)" -gt 1 ] && echo yes', sees: 'yes' }),
  story({
    id: 'host-ipc', fields: ['spec.hostIPC'], says: 'the node\'s shared memory is seen, and is not without it',
    async tell({ kubectl }) {
      const path = `/dev/shm/bramble-host-ipc-${process.pid}`
      await writeFile(path, 'shared')
      await kubectl.apply([true, false].map((hostIPC) => podOf(`host-ipc-${hostIPC}`, { spec: { hostIPC }, container: { command: ['sh', '-c', `${hostIPC ? '' : '! '}test -e ${path}`] } })))
      await eventually('both have seen what they should', async () => (await kubectl.said(['get', 'pods', 'host-ipc-true', 'host-ipc-false', '-o', 'jsonpath={.items[*].status.phase}'])).out === 'Succeeded Succeeded')
      await rm(path)
    },
  }),
  inside({ id: 'own-namespaces', fields: ['spec.hostPID', 'spec.hostNetwork'], says: 'without them the container is process 1 of its own and has one network interface', script: 'ps -o pid,args | grep -c "[n]ode-agent"; ip -o link | grep -vc " lo:"', sees: '0\n1' }),
  status({
    id: 'share-pids', fields: ['spec.shareProcessNamespace'], says: 'containers see each other\'s processes', status: { phase: 'Succeeded' },
    spec: { shareProcessNamespace: true, containers: [{ name: 'other', image: testImage, command: ['sleep', '7.25'] }] }, container: { command: ['sh', '-c', 'until ps | grep -q "[s]leep 7.25"; do sleep 0.1; done'] },
  }),
  refused({ id: 'host-users', fields: ['spec.hostUsers'], says: 'false is refused: no user namespaces here', by: 'cluster', spec: { hostUsers: false }, reason: 'FailedCreatePodSandBox', message: /does not support spec\.hostUsers: false/ }),
  refused({ id: 'resource-claims', fields: ['spec.resourceClaims[].*', 'spec.containers[].resources.claims[].*'], says: 'dynamic resource allocation is refused', by: 'cluster', reason: 'FailedScheduling', message: /resourceClaims\) are not supported/, spec: { resourceClaims: [{ name: 'c', resourceClaimName: 'gpu' }] } }),
  kept({ id: 'pod-resources', fields: ['spec.resources.*'], says: 'pod-level resources are an alpha field, dropped as upstream does with its gate off', spec: { resources: { limits: { cpu: '1' } } } }),
  status({ id: 'policy-always', fields: ['spec.restartPolicy'], says: 'Always restarts a container that ended well', spec: { restartPolicy: 'Always' }, status: { containerStatuses: [{ name: main, restartCount: { matches: /^[1-9]/ } }] } }),
  status({ id: 'policy-on-failure', fields: ['spec.restartPolicy'], says: 'OnFailure restarts one that failed and leaves one that did not', spec: { restartPolicy: 'OnFailure', volumes: [{ name: 'v', emptyDir: {} }] }, container: { command: ['sh', '-c', 'test -e /v/x || { touch /v/x; exit 3; }'], volumeMounts: [{ name: 'v', mountPath: '/v' }] }, status: { phase: 'Succeeded', containerStatuses: [{ restartCount: 1, lastState: {}, state: { terminated: { exitCode: 0, reason: 'Completed' } } }] } }),
  status({ id: 'policy-never', fields: ['spec.restartPolicy'], says: 'Never leaves it, and the pod is Failed', container: { command: ['sh', '-c', 'exit 3'] }, status: { phase: 'Failed', containerStatuses: [{ restartCount: 0, state: { terminated: { exitCode: 3, reason: 'Error' } } }] } }),
  status({ id: 'readiness-gate', fields: ['spec.readinessGates[].conditionType'], says: 'the pod is not Ready before the condition is True', spec: { readinessGates: [{ conditionType: 'example.com/up' }] }, container: { command: forever }, status: { conditions: [{ type: 'Ready', status: 'False', reason: 'ReadinessGatesNotReady' }, { type: 'ContainersReady', status: 'True' }] } }),
  status({ id: 'service-account', fields: ['spec.serviceAccountName', 'spec.serviceAccount', 'spec.automountServiceAccountToken'], says: 'the account\'s token is mounted where it is wanted', objects: [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: 'default' } }], spec: { serviceAccountName: 'robot', automountServiceAccountToken: true }, container: { command: ['sh', '-c', 'cd /var/run/secrets/kubernetes.io/serviceaccount && cat namespace | grep -qx default && grep -q BEGIN ca.crt && test -s token'] }, status: ran }),
  inside({ id: 'no-token', fields: ['spec.automountServiceAccountToken'], says: 'and not where it is not', spec: { automountServiceAccountToken: false }, script: 'ls /var/run/secrets/kubernetes.io/serviceaccount 2>&1 | grep -c token', sees: '0' }),
  status({ id: 'pull-secrets', fields: ['spec.imagePullSecrets[].name'], says: 'a secret that is not there is no obstacle to an image that is', spec: { imagePullSecrets: [{ name: 'not-there' }] }, status: ran }),
  story({
    id: 'grace', fields: ['spec.terminationGracePeriodSeconds'], says: 'a container that ignores SIGTERM is killed after the grace, and not before',
    pod: podOf('grace', { spec: { terminationGracePeriodSeconds: 2 }, container: { command: ['sh', '-c', 'trap "" TERM; while true; do sleep 0.1; done'] } }),
    async tell({ kubectl }) {
      await kubectl.run(`wait --for=condition=Ready pod/grace ${waiting}`)
      const at = performance.now()
      await kubectl.run('delete pod grace')
      const took = performance.now() - at
      if (took < 1900 || took > 60_000) throw new Error(`the deletion took ${took.toFixed(0)} ms`)
    },
  }),
  status({
    id: 'init', fields: ['spec.initContainers'], says: 'init containers run one after the other, before the others', status: { phase: 'Succeeded', initContainerStatuses: [{ ready: true }, { ready: true }] },
    spec: { volumes: [{ name: 'v', emptyDir: {} }], initContainers: ['one', 'two'].map((n) => ({ name: n, image: testImage, command: ['sh', '-c', `echo ${n} >> /v/order`], volumeMounts: [{ name: 'v', mountPath: '/v' }] })) },
    container: { command: ['sh', '-c', 'test "$(cat /v/order | tr "\\n" " ")" = "one two "'], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
  }),
  status({
    id: 'sidecar', fields: ['spec.initContainers[].restartPolicy'], says: 'a sidecar starts first, runs beside the others, and ends after them without failing the pod', status: { phase: 'Succeeded', initContainerStatuses: [{ name: 'side', started: false, state: { terminated: {} } }] },
    spec: { terminationGracePeriodSeconds: 5, volumes: [{ name: 'v', emptyDir: {} }], initContainers: [{ name: 'side', image: testImage, restartPolicy: 'Always', command: ['sh', '-c', 'trap "exit 0" TERM; touch /v/side; sleep 1000000 & wait'], startupProbe: { exec: { command: ['test', '-e', '/v/side'] }, periodSeconds: 1 }, volumeMounts: [{ name: 'v', mountPath: '/v' }] }] },
    container: { command: ['test', '-e', '/v/side'], volumeMounts: [{ name: 'v', mountPath: '/v' }] },
  }),
  story({
    id: 'debugged', fields: ['spec.ephemeralContainers', 'spec.ephemeralContainers[].targetContainerName'], says: 'kubectl debug adds a container to a running pod, which sees the target\'s processes',
    pod: podOf('debugged', { container: { command: ['sleep', '98765'] } }),
    async tell({ kubectl }) {
      await kubectl.run(`wait --for=condition=Ready pod/debugged ${waiting}`)
      await kubectl.run(['debug', 'debugged', `--image=${testImage}`, '--image-pull-policy=IfNotPresent', `--target=${main}`, '--container=dbg', '--', 'sh', '-c', 'ps | grep -q "[s]leep 98765" && echo seen'])
      await eventually('the debugger has seen it', async () => (await kubectl.said('logs debugged -c dbg')).out === 'seen')
      await eventually('its status says so', async () => (await kubectl.json<{ status: { ephemeralContainerStatuses?: { name: string; state?: { terminated?: { exitCode: number } } }[] } }>('get pod debugged')).status.ephemeralContainerStatuses?.[0]?.state?.terminated?.exitCode === 0)
      await kubectl.run('delete pod debugged')
    },
  }),
  status({ id: 'qos', fields: ['spec.containers[].resources.requests'], says: 'requests and limits decide the quality of service', container: { resources: { requests: { cpu: '10m', memory: '8Mi' } } }, status: { qosClass: 'Burstable', ...scheduled } }),
]

export type { PodList }
