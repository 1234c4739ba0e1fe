/** Manifests the end-to-end tests share. */
import { testImage } from './images.ts'

export interface PodList { items: { metadata: { name: string; uid: string; deletionTimestamp?: string }; spec: { nodeName?: string }; status: PodState }[] }
export interface PodState {
  phase?: string
  podIP?: string
  conditions?: { type: string; status: string; reason?: string }[]
  containerStatuses?: { name: string; ready: boolean; restartCount: number; containerID?: string; state?: Record<string, { reason?: string; message?: string; exitCode?: number }>; lastState?: Record<string, { reason?: string; exitCode?: number }> }[]
}

export const isReady = (pod: { status: PodState }): boolean => pod.status.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false

/** A web server that answers its pod's name; unready while /tmp/broken exists, and failing its liveness probe while /tmp/dead exists. */
export function webDeployment(name: string, replicas: number, more: { image?: string; version?: string; grace?: number } = {}): object {
  const labels = { app: name }
  const probe = (file: string): object => ({ exec: { command: ['sh', '-c', `test ! -e /tmp/${file}`] }, periodSeconds: 1, timeoutSeconds: 20, failureThreshold: 1 })
  return {
    apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name, namespace: 'default' },
    spec: {
      replicas, selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: more.grace ?? 1,
          containers: [{
            name: 'web', image: more.image ?? testImage, ports: [{ containerPort: 8080 }],
            command: ['sh', '-c', 'mkdir -p /www; echo $POD_NAME > /www/index.html; echo serving $VERSION; exec httpd -f -p 8080 -h /www'],
            env: [{ name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }, { name: 'VERSION', value: more.version ?? '1' }],
            readinessProbe: probe('broken'), livenessProbe: probe('dead'),
          }],
        },
      },
    },
  }
}

export const service = (name: string, nodePort: number): object =>
  ({ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'default' }, spec: { type: 'NodePort', selector: { app: name }, ports: [{ port: 80, targetPort: 8080, nodePort }] } })
