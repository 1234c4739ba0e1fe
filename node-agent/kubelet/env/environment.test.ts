import { describe, expect, it } from 'vitest'
import type { EnvVar, Pod } from '../../../shared/api/core-v1.ts'
import { expand } from './expand.ts'
import { makeEnvironment, type EnvSources } from './environment.ts'

describe('expand', () => {
  const lookup = (n: string): string | undefined => ({ A: '1', 'B.C': 'x' })[n]
  it.each([['$(A)', '1'], ['a$(A)b$(B.C)', 'a1bx'], ['$$(A)', '$(A)'], ['$$$(A)', '$1'], ['$(NO)', '$(NO)'], ['$(A', '$(A'], ['$A', '$A'], ['end$', 'end$'], ['$()', '$()']])('%s is %s', (text, out) => {
    expect(expand(text, lookup)).toBe(out)
  })
})

const facts = { nodeName: 'n', hostIPs: ['192.0.2.1'], podIPs: ['10.0.0.1'], allocatable: { cpuMilli: 4000, memoryBytes: 1 << 30 } }
const sources: EnvSources = {
  configMap: (n) => (n === 'cm' ? { data: { A: 'from-cm', 'bad=name': 'x' } } : undefined), secret: (n) => (n === 's' ? { data: { K: Buffer.from('s3cret').toString('base64') } } : undefined),
  services: [
    { metadata: { name: 'my-db', namespace: 'd' }, spec: { clusterIP: '10.43.0.9', ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }] } },
    { metadata: { name: 'kubernetes', namespace: 'default' }, spec: { clusterIP: '10.43.0.1', ports: [{ name: 'https', port: 443 }] } },
    { metadata: { name: 'headless', namespace: 'd' }, spec: { clusterIP: 'None', ports: [{ port: 1 }] } },
  ],
}
const make = (env: EnvVar[], more: object = {}, links = true) => {
  const container = { name: 'c', env, resources: { requests: { cpu: '250m' } }, ...more }
  const pod: Pod = { metadata: { name: 'p', namespace: 'd', labels: { b: '2', a: '1' } }, spec: { containers: [container], enableServiceLinks: links } }
  const result = makeEnvironment(pod, container, sources, facts)
  return result.ok ? Object.fromEntries(result.env.map((e) => [e.name, e.value])) : result.message
}

describe('makeEnvironment', () => {
  it('resolves every kind of source, later variables seeing earlier ones', () => {
    const env = make([
      { name: 'X', value: '$(A)-$(MY_DB_SERVICE_PORT)' }, { name: 'K', valueFrom: { secretKeyRef: { name: 's', key: 'K' } } }, { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
      { name: 'L', valueFrom: { fieldRef: { fieldPath: 'metadata.labels' } } }, { name: 'CPU', valueFrom: { resourceFieldRef: { resource: 'requests.cpu', divisor: '1m' } } },
      { name: 'LIM', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } }, { name: 'OPT', valueFrom: { configMapKeyRef: { name: 'cm', key: 'no', optional: true } } },
    ], { envFrom: [{ configMapRef: { name: 'cm' } }, { prefix: 'P_', secretRef: { name: 's' } }] })
    expect(env).toMatchObject({ A: 'from-cm', P_K: 's3cret', X: 'from-cm-5432', K: 's3cret', IP: '10.0.0.1', L: 'a="1"\nb="2"', CPU: '250', LIM: '4', MY_DB_PORT_5432_TCP_ADDR: '10.43.0.9', KUBERNETES_SERVICE_HOST: '10.43.0.1' })
    expect(Object.keys(env)).not.toContain('OPT')
    expect(Object.keys(env)).not.toContain('bad=name')
    expect(Object.keys(env).filter((k) => k.startsWith('HEADLESS'))).toEqual([])
  })
  it('keeps only the API server where links are off', () => {
    expect(Object.keys(make([], {}, false)).filter((k) => k.endsWith('_SERVICE_HOST'))).toEqual(['KUBERNETES_SERVICE_HOST'])
  })
  it.each<[EnvVar, string]>([
    [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'z' } } }, "couldn't find key z in ConfigMap d/cm"], [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'no', key: 'z' } } }, 'configmap "no" not found'],
    [{ name: 'A', valueFrom: { secretKeyRef: { name: 's', key: 'z' } } }, "couldn't find key z in Secret d/s"], [{ name: 'A', valueFrom: { secretKeyRef: { name: 'no', key: 'z' } } }, 'secret "no" not found'],
  ])('%j is refused', (variable, message) => { expect(make([variable])).toBe(message) })
})
