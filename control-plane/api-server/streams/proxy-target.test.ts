import { describe, expect, it } from 'vitest'
import type { EndpointSlice } from '../../../shared/api/discovery-v1.ts'
import type { Pod, Service } from '../../../shared/api/core-v1.ts'
import { nodeProxyTarget, podName, podProxyTarget, proxiedPath, rewrittenLocation, serviceName, servicePort, serviceProxyTarget, splitName } from './proxy-target.ts'

it.each([
  ['web', { scheme: 'http', name: 'web', port: '' }], ['web:80', { scheme: 'http', name: 'web', port: '80' }], ['https:web:443', { scheme: 'https', name: 'web', port: '443' }],
  ['http:web:', { scheme: 'http', name: 'web', port: '' }], ['ftp:web:1', undefined], ['a:b:c:d', undefined], ['', undefined], ['We_b', undefined],
])('the name %s', (id, split) => { expect(splitName(id)).toEqual(split) })

describe('pods', () => {
  const pod: Pod = { spec: { nodeName: 'pi', containers: [{ name: 'a' }, { name: 'b', ports: [{ containerPort: 8080 }] }] }, status: { podIP: '10.1.0.2' } }
  it('are reached at the port that is named, or the first declared', () => {
    expect(podProxyTarget(pod, podName('web'))).toEqual({ scheme: 'http', host: '10.1.0.2', port: 8080, node: 'pi', kubelet: false })
    expect(podProxyTarget(pod, podName('https:web:9'))).toMatchObject({ scheme: 'https', port: 9 })
    expect(podProxyTarget({ ...pod, spec: { nodeName: 'pi', containers: [{ name: 'a' }] } }, podName('web')).port).toBeUndefined()
  })
  it('that have finished are refused: their address may be another\'s', () => { expect(() => podProxyTarget({ spec: { nodeName: 'pi-1', containers: [] }, status: { phase: 'Succeeded', podIPs: [{ ip: '10.42.0.5' }] } }, podName('web'))).toThrow('address not allowed') })
  it('without an address are refused', () => { expect(() => podProxyTarget({ spec: { containers: [] } }, podName('web'))).toThrow('address not allowed') })
})

describe('services', () => {
  const service: Service = { spec: { ports: [{ name: 'http', port: 80 }, { port: 90 }] } }
  const slices = [{ addressType: 'IPv4', ports: [{ name: 'http', port: 8080 }], endpoints: [{ addresses: ['10.1.0.2'], nodeName: 'a' }, { addresses: ['10.1.0.3'], conditions: { ready: false } }, { addresses: ['10.1.0.4'], nodeName: 'b' }] }] as EndpointSlice[]
  const target = (id: string, pick = 0) => serviceProxyTarget({ ...serviceName(id), id }, servicePort(service, serviceName(id)), { slices, endpoints: undefined }, pick)
  it('are one of their ready endpoints, by the name or the number of a port', () => {
    expect([target('web:http', 0).host, target('web:80', 0.99).host]).toEqual(['10.1.0.2', '10.1.0.4'])
    expect(target('web:http')).toEqual({ scheme: 'http', host: '10.1.0.2', port: 8080, node: 'a', kubelet: false })
  })
  it('refuse in upstream\'s words', () => {
    expect(() => target('web:99')).toThrow('no service port 99 found for service "web"')
    expect(() => target('web')).toThrow('no endpoints available for service "web"')
    expect(() => serviceName('a:b:c:d')).toThrow('invalid service request "a:b:c:d"')
  })
})

it('nodes: the agent itself, or a port of the machine', () => {
  expect(nodeProxyTarget('pi-1')).toMatchObject({ node: 'pi-1', kubelet: true })
  expect(nodeProxyTarget('https:pi-1:10250').kubelet).toBe(true)
  expect(nodeProxyTarget('pi-1:9100')).toMatchObject({ host: '127.0.0.1', port: 9100, node: 'pi-1', kubelet: false })
})

it.each([
  ['/api/v1/namespaces/ns/pods/web/proxy/a%2Fb/c', '/api/v1/namespaces/ns/pods/web/proxy', '/a%2Fb/c'], ['/api/v1/nodes/pi/proxy', '/api/v1/nodes/pi/proxy', ''], ['/api/v1/nodes/pi/proxy/', '/api/v1/nodes/pi/proxy', '/'],
])('the path %s', (path, prefix, rest) => { expect(proxiedPath(path)).toEqual({ prefix, rest }) })

it.each([
  ['/login', '/p/login'], ['http://10.1.0.2:8080/x', '/p/x'], ['http://elsewhere/x', 'http://elsewhere/x'], ['relative', 'relative'], ['/p/x', '/p/x'],
])('a redirect to %s', (location, seen) => { expect(rewrittenLocation(location, { prefix: '/p', authority: '10.1.0.2:8080' })).toBe(seen) })
