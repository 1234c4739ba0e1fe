/** Fields of a container: program, environment, ports, streams, words. */
import type { Container } from '../../../shared/api/core-v1.ts'
import { testImage } from '../../testbed/images.ts'
import { eventually, forever, inside, kept, main, onNode, podOf, refused, status, story, waiting, type Row } from '../row.ts'

const C = 'spec.containers[]'
const words = (script: string): string[] => ['sh', '-c', `{ ${script}\n} >/dev/termination-log 2>&1`]
const map = (name: string, data: Record<string, string>): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data })
const secret = (name: string, stringData: Record<string, string>): object => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'default' }, stringData })
/** The program prints its own arguments, one a line. */
const show = ['sh', '-c', 'for a in "$@"; do printf "[%s]" "$a"; done >/dev/termination-log', 'x']

export const programRows: readonly Row[] = [
  status({ id: 'name-image', fields: [`${C}.name`, `${C}.image`, `${C}.command`], says: 'the container is there under its name, of its image', status: { phase: 'Succeeded', containerStatuses: [{ name: main, image: testImage, imageID: { matches: /sha256:/ }, containerID: { matches: /^(docker|containerd):\/\/[0-9a-f]{64}$/ } }] } }),
  inside({
    id: 'args', fields: [`${C}.args`, `${C}.command`], says: 'arguments reach the program as they are, with $(VAR) expanded and $$ as its escape; no shell in between',
    container: { command: show, env: [{ name: 'WHO', value: 'me' }], args: ['$(WHO)', '$$(WHO)', '$(NOBODY)', '; rm -rf /', '`id`', '--', 'a b', "it's", '"q"', '$HOME', '\n', ''] }, script: '',
    sees: '[me][$(WHO)][$(NOBODY)][; rm -rf /][`id`][--][a b][it\'s]["q"][$HOME][\n][]',
  }),
  inside({ id: 'working-dir', fields: [`${C}.workingDir`], says: 'the program starts there', container: { workingDir: '/www', command: ['sh', '-c', 'pwd >/dev/termination-log'] }, script: '', sees: '/www' }),
  status({ id: 'not-found', fields: [`${C}.command`], says: 'a command that is not there is a start error with exit code 127 or 128', container: { command: ['/no/such'] }, status: { phase: 'Failed', containerStatuses: [{ state: { terminated: { exitCode: { matches: /^12[78]$/ }, reason: { matches: /^(StartError|ContainerCannotRun)$/ } } } }] } }),
  status({ id: 'pull-never', fields: [`${C}.imagePullPolicy`], says: 'Never does not pull', container: { image: 'bramble.test/absent:1', imagePullPolicy: 'Never' }, status: { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'ErrImageNeverPull', message: 'Container image "bramble.test/absent:1" is not present with pull policy of Never' } } }] } }),
  status({ id: 'invalid-image', fields: [`${C}.image`], says: 'a name that is none is told', container: { image: 'Not/A:Valid:Name' }, status: { containerStatuses: [{ state: { waiting: { reason: 'InvalidImageName' } } }] } }),
  inside({ id: 'message-path', fields: [`${C}.terminationMessagePath`], says: 'the last words are read from there', container: { terminationMessagePath: '/tmp/bye', command: ['sh', '-c', 'echo -n so long >/tmp/bye'] }, script: '', sees: 'so long' }),
  inside({ id: 'message-policy', fields: [`${C}.terminationMessagePolicy`], says: 'a failure without last words shows the end of its log', container: { terminationMessagePolicy: 'FallbackToLogsOnError', command: ['sh', '-c', 'echo it broke; exit 1'] }, script: '', sees: 'it broke' }),
  story({
    id: 'stdin', fields: [`${C}.stdin`, `${C}.stdinOnce`], says: 'what the first attach sends is read to its end',
    pod: podOf('stdin', { container: { stdin: true, stdinOnce: true, command: ['sh', '-c', 'cat >/tmp/in; wc -c </tmp/in'] } }),
    async tell({ kubectl }) {
      await eventually('it runs', async () => (await kubectl.said(['get', 'pod', 'stdin', '-o', 'jsonpath={.status.phase}'])).out === 'Running')
      await kubectl.said('attach -i stdin', 'hello')
      await eventually('it has counted', async () => (await kubectl.said('logs stdin')).out.trim() === '5')
    },
  }),
  status({ id: 'tty', fields: [`${C}.tty`], says: 'the program has a terminal', container: { tty: true, stdin: true, command: ['sh', '-c', 'test -t 0 && test -t 1 && tty | grep -q /dev/'] }, status: { phase: 'Succeeded' } }),
  kept({ id: 'port-names', fields: [`${C}.ports[].containerPort`, `${C}.ports[].name`, `${C}.ports[].protocol`], says: 'names of ports, for probes, hooks and Services', container: { ports: [{ name: 'web', containerPort: 8080, protocol: 'TCP' }] } }),
  story({
    id: 'host-port', fields: [`${C}.ports[].hostPort`, `${C}.ports[].hostIP`], says: 'the port answers on the node\'s address while the pod runs, and not after',
    pod: podOf('host-port', { container: { ports: [{ containerPort: 8080, hostPort: 28080 }], command: ['sh', '-c', 'echo -n here > /www/index.html; exec httpd -f -p 8080 -h /www'] } }),
    async tell({ kubectl, cluster }) {
      await kubectl.run(`wait --for=condition=Ready pod/host-port ${waiting}`)
      const ask = (): Promise<string> => fetch(`http://${cluster.nodeIp}:28080/`, { signal: AbortSignal.timeout(1000) }).then((r) => r.text())
      await eventually('it answers', async () => await ask() === 'here')
      await kubectl.run('delete pod host-port')
      await eventually('it answers no more', async () => ask().then(() => false, () => true))
    },
  }),
  refused({ id: 'volume-devices', fields: [`${C}.volumeDevices[].*`], says: 'a local volume that is a block device; whatever else is refused by name', by: 'cluster', objects: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'raw', namespace: 'default' }, spec: { accessModes: ['ReadWriteOnce'], volumeMode: 'Block', storageClassName: '', volumeName: 'raw', resources: { requests: { storage: '1Mi' } } } }, { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'raw' }, spec: { capacity: { storage: '1Mi' }, accessModes: ['ReadWriteOnce'], volumeMode: 'Block', storageClassName: '', local: { path: '/dev/null' }, nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'Exists' }] }] } } } }], spec: { nodeName: 'pi-1', volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'raw' } }] }, container: { volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] }, message: /\/dev\/null is not a block device/ }),
  refused({ id: 'container-restart', fields: [`${C}.restartPolicy`], says: 'a main container has no policy of its own', by: 'api', container: { restartPolicy: 'Always' } as Partial<Container>, message: /restartPolicy/ }),
]

export const environmentRows: readonly Row[] = [
  inside({ id: 'env', fields: [`${C}.env[].name`, `${C}.env[].value`], says: 'variables, later ones made of earlier ones; $$ escapes; an unknown one stays as written', container: { env: [{ name: 'A', value: 'x' }, { name: 'B', value: '$(A)y' }, { name: 'C', value: '$$(A)' }, { name: 'D', value: '$(E)' }, { name: 'E', value: 'late' }] }, script: 'echo "$A|$B|$C|$D"', sees: 'x|xy|$(A)|$(E)' }),
  inside({ id: 'env-from', fields: [`${C}.envFrom[].*`], says: 'all keys of a ConfigMap and a Secret, with the prefix; one that may be missing is', objects: [map('env-map', { k1: 'v1', 'not-a-name': 'taken' }), secret('env-secret', { s1: 'w1' })], container: { envFrom: [{ configMapRef: { name: 'env-map' } }, { prefix: 'P_', secretRef: { name: 'env-secret' } }, { configMapRef: { name: 'none', optional: true } }, { secretRef: { name: 'none', optional: true } }] }, script: 'echo "$k1|$P_s1"', sees: 'v1|w1' }),
  inside({ id: 'env-map-key', fields: [`${C}.env[].valueFrom.configMapKeyRef.*`, `${C}.env[].valueFrom.secretKeyRef.*`], says: 'single keys; an optional one that is missing leaves the variable out', objects: [map('env-key', { k: 'v' }), secret('env-key', { s: 'w' })], container: { env: [{ name: 'K', valueFrom: { configMapKeyRef: { name: 'env-key', key: 'k' } } }, { name: 'S', valueFrom: { secretKeyRef: { name: 'env-key', key: 's' } } }, { name: 'N', valueFrom: { configMapKeyRef: { name: 'env-key', key: 'none', optional: true } } }, { name: 'O', valueFrom: { secretKeyRef: { name: 'none', key: 's', optional: true } } }] }, script: 'echo "$K|$S|${N-unset}|${O-unset}"', sees: 'v|w|unset|unset' }),
  status({ id: 'env-missing', fields: [`${C}.env[].valueFrom.configMapKeyRef.*`], says: 'one that is missing and not optional is told', container: { env: [{ name: 'K', valueFrom: { configMapKeyRef: { name: 'nowhere', key: 'k' } } }] }, status: { phase: 'Pending', containerStatuses: [{ state: { waiting: { reason: 'CreateContainerConfigError', message: 'configmap "nowhere" not found' } } }] } }),
  inside({
    id: 'field-ref', fields: [`${C}.env[].valueFrom.fieldRef.*`], says: 'fields of the pod', metadata: { labels: { tier: 'edge' }, annotations: { note: 'n' } },
    container: { env: Object.entries({ A: 'metadata.name', B: 'metadata.namespace', C: "metadata.labels['tier']", D: "metadata.annotations['note']", E: 'spec.nodeName', F: 'spec.serviceAccountName', G: 'status.hostIP' }).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath } } })) },
    script: 'echo "$A|$B|$C|$D|$E|$F|$G"', sees: (w) => `field-ref|default|edge|n|pi-1|default|${w.cluster.nodeIp}`,
  }),
  inside({ id: 'field-ref-ips', fields: [`${C}.env[].valueFrom.fieldRef.*`], says: 'its addresses and uid', container: { env: Object.entries({ A: 'status.podIP', B: 'status.podIPs', C: 'status.hostIPs', D: 'metadata.uid' }).map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } })) }, script: 'ip -4 addr | grep -q "inet $A/" && [ "$A" = "$B" ] && echo "$C|${#D}"', sees: (w) => `${w.cluster.nodeIp}|36` }),
  inside({
    id: 'resource-ref', fields: [`${C}.env[].valueFrom.resourceFieldRef.*`], says: 'amounts of a container, divided and rounded up',
    container: { resources: { limits: { cpu: '1500m', memory: '64Mi' }, requests: { cpu: '250m' } }, env: [['A', 'limits.cpu', '1'], ['B', 'limits.memory', '1Mi'], ['C', 'requests.cpu', '1m'], ['D', 'limits.memory', '0']].map(([name = '', resource = '', divisor = '']) => ({ name, valueFrom: { resourceFieldRef: { containerName: main, resource, divisor } } })) },
    script: 'echo "$A|$B|$C|$D"', sees: '2|64|250|67108864',
  }),
]

const watched = (fields: readonly string[], id: string, says: string, container: Partial<Container>, expected: object): Row => status({ id, fields, says, spec: { restartPolicy: 'Always' }, container, status: expected })
const P = `${C}.livenessProbe`
const httpd = ['sh', '-c', 'mkdir -p /www/cgi-bin; echo ok > /www/index.html; printf "#!/bin/sh\\n[ \\"\\$HTTP_X_PROBE\\" = yes ] && printf \'Content-Type: text/plain\\\\r\\\\n\\\\r\\\\nok\'\\n" > /www/cgi-bin/p; chmod +x /www/cgi-bin/p; exec httpd -f -p 8080 -h /www']

export const probeRows: readonly Row[] = [
  watched([`${P}.exec.command`, `${P}.periodSeconds`, `${P}.failureThreshold`, `${P}.terminationGracePeriodSeconds`], 'liveness-exec', 'a command that fails restarts the container, within the probe\'s own grace', { command: ['sh', '-c', 'trap "" TERM; while true; do sleep 0.2; done'], livenessProbe: { exec: { command: ['false'] }, periodSeconds: 1, failureThreshold: 1, terminationGracePeriodSeconds: 1 } }, { containerStatuses: [{ restartCount: { matches: /^[1-9]/ }, lastState: { terminated: { exitCode: 137 } } }] }),
  watched([`${P}.httpGet.*`], 'readiness-http', 'a path that answers with the headers sent makes it ready', { command: httpd, ports: [{ name: 'web', containerPort: 8080 }], readinessProbe: { httpGet: { path: '/cgi-bin/p', port: 'web', scheme: 'HTTP', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] }, periodSeconds: 1 } }, { containerStatuses: [{ ready: true }] }),
  watched([`${P}.httpGet.host`, `${C}.readinessProbe`], 'readiness-http-host', 'another host is asked where one is named', { command: forever, readinessProbe: { httpGet: { path: '/', port: 9, host: '127.0.0.1' }, periodSeconds: 1 } }, { containerStatuses: [{ ready: false, started: true }] }),
  watched([`${P}.tcpSocket.*`], 'readiness-tcp', 'a port that accepts makes it ready', { command: httpd, readinessProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1 } }, { containerStatuses: [{ ready: true }] }),
  watched([`${P}.grpc.*`], 'liveness-grpc', 'a gRPC health service that does not serve restarts it', { command: httpd, livenessProbe: { grpc: { port: 8080, service: 'web' }, periodSeconds: 1, failureThreshold: 1 } }, { containerStatuses: [{ restartCount: { matches: /^[1-9]/ } }] }),
  watched([`${C}.startupProbe`, `${P}.successThreshold`], 'startup', 'nothing else is probed before the startup probe has succeeded', { command: ['sh', '-c', 'sleep 2; touch /tmp/up; sleep 1000000'], startupProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 30 }, livenessProbe: { exec: { command: ['test', '-e', '/tmp/up'] }, periodSeconds: 1, timeoutSeconds: 30, failureThreshold: 1, successThreshold: 1 } }, { containerStatuses: [{ ready: true, started: true, restartCount: 0 }] }),
  watched([`${P}.timeoutSeconds`, `${P}.initialDelaySeconds`], 'probe-timeout', 'a command that takes longer has failed', { command: forever, livenessProbe: { exec: { command: ['sleep', '100'] }, initialDelaySeconds: 1, timeoutSeconds: 1, periodSeconds: 1, failureThreshold: 1 } }, { containerStatuses: [{ restartCount: { matches: /^[1-9]/ } }] }),
]

const H = `${C}.lifecycle.postStart`
export const lifecycleRows: readonly Row[] = [
  status({ id: 'post-start-exec', fields: [`${H}.exec.command`], says: 'a command runs in the container before it counts as started', container: { command: ['sh', '-c', 'until test -e /tmp/hook; do sleep 0.05; done'], lifecycle: { postStart: { exec: { command: ['touch', '/tmp/hook'] } } } }, status: { phase: 'Succeeded' } }),
  status({
    id: 'post-start-http', fields: [`${H}.httpGet.*`], says: 'a request to the pod, with its headers', status: { phase: 'Succeeded' },
    // The server is there before the container whose start asks it.
    spec: {
      volumes: [{ name: 'v', emptyDir: {} }],
      initContainers: [{
        name: 'server', image: testImage, restartPolicy: 'Always', volumeMounts: [{ name: 'v', mountPath: '/v' }], startupProbe: { tcpSocket: { port: 8080 }, periodSeconds: 1, failureThreshold: 100 },
        command: ['sh', '-c', 'mkdir -p /w/cgi-bin; printf "#!/bin/sh\necho \\$HTTP_X_HOOK >/v/hook\nprintf \\"Content-Type: text/plain\\\\n\\\\n\\"\n" >/w/cgi-bin/hook; chmod +x /w/cgi-bin/hook; exec httpd -f -p 8080 -h /w'],
      }],
    },
    container: { ports: [{ name: 'web', containerPort: 8080 }], volumeMounts: [{ name: 'v', mountPath: '/v' }], command: ['sh', '-c', 'until test -s /v/hook; do sleep 0.1; done; grep -qx yes /v/hook'], lifecycle: { postStart: { httpGet: { path: '/cgi-bin/hook', port: 'web', scheme: 'HTTP', httpHeaders: [{ name: 'X-Hook', value: 'yes' }] } } } },
  }),
  status({ id: 'post-start-host', fields: [`${H}.httpGet.host`], says: 'another host is asked where one is named; a hook that fails kills the container', container: { command: forever, lifecycle: { postStart: { httpGet: { host: '127.0.0.1', port: 9, path: '/' } } } }, status: { phase: 'Failed', containerStatuses: [{ state: { terminated: {} } }] }, events: [{ reason: 'FailedPostStartHook', message: 'PostStartHook failed' }] }),
  status({ id: 'post-start-sleep', fields: [`${H}.sleep.seconds`], says: 'a pause before the container counts as started', spec: { restartPolicy: 'Always', terminationGracePeriodSeconds: 5 }, container: { command: forever, lifecycle: { postStart: { sleep: { seconds: 1 } } } }, status: { containerStatuses: [{ started: true, ready: true }] } }),
  status({ id: 'hook-tcp', fields: [`${H}.tcpSocket.*`], says: 'tcpSocket fails when it is to run, as upstream documents', container: { command: forever, lifecycle: { postStart: { tcpSocket: { port: 80 } } } }, status: { phase: 'Failed' }, events: [{ reason: 'FailedPostStartHook', message: 'PostStartHook failed' }] }),
  story({
    id: 'pre-stop', fields: [`${C}.lifecycle.preStop`], says: 'a command runs in the container before it is told to stop',
    pod: podOf('pre-stop', { spec: { terminationGracePeriodSeconds: 20, volumes: [{ name: 'v', hostPath: { path: `${onNode}/pre-stop`, type: 'DirectoryOrCreate' } }] }, container: { command: ['sh', '-c', 'trap "test -e /v/hook && touch /v/after; exit 0" TERM; rm -f /v/hook /v/after; sleep 1000000 & wait'], volumeMounts: [{ name: 'v', mountPath: '/v' }], lifecycle: { preStop: { exec: { command: ['touch', '/v/hook'] } } } } }),
    async tell({ kubectl }) {
      await kubectl.run(`wait --for=condition=Ready pod/pre-stop ${waiting}`)
      await kubectl.run('delete pod pre-stop')
      const { stat, rm } = await import('node:fs/promises')
      await stat(`${onNode}/pre-stop/after`)
      await rm(`${onNode}/pre-stop`, { recursive: true })
    },
  }),
  kept({ id: 'stop-signal', fields: [`${C}.lifecycle.stopSignal`], says: 'an alpha field, dropped as upstream does with its gate off; the image\'s own signal is used', container: { lifecycle: { stopSignal: 'SIGUSR1' } } as Partial<Container> }),
]
export { words }
