import { describe, expect, it } from 'vitest'
import type { Pod, PodSpec } from '../../../shared/api/core-v1.ts'
import { reject, type AdmissionFacts } from './admission.ts'

const ported = (port: object, spec: Partial<PodSpec> = {}): Pod => ({ metadata: { name: 'p' }, spec: { ...spec, containers: [{ name: 'a', image: 'i', ports: [{ containerPort: 1, ...port }] }] } })
const facts: AdmissionFacts = { room: { allocatable: { cpuMilli: 1000, memoryBytes: 1000 }, others: { cpuMilli: 700, memoryBytes: 0 } }, unsafeSysctls: ['kernel.msg*'], appArmor: false, pressures: [], strictGroups: false, maxPods: 2, neighbours: [ported({ hostPort: 80, hostIP: '192.0.2.1' })] }
const pod = (spec: Partial<PodSpec>): Pod => ({ metadata: { name: 'p' }, spec: { containers: [{ name: 'a', image: 'i' }], ...spec } })
const sysctls = (name: string, spec: Partial<PodSpec> = {}): Pod => pod({ ...spec, securityContext: { sysctls: [{ name, value: '1' }] } })
const asking = (resources: object): Pod => pod({ containers: [{ name: 'a', image: 'i', resources: { requests: resources as Record<string, string> } }] })

describe('a pod that is bound to the node', () => {
  it.each([
    ['nothing special', pod({}), undefined],
    ['a safe sysctl', sysctls('net.ipv4.tcp_syncookies'), undefined],
    ['one that the flag allows', sysctls('kernel.msgmax'), undefined],
    ['the same with slashes', sysctls('net/ipv4/tcp_syncookies'), undefined],
    ['an unsafe one', sysctls('net.core.somaxconn'), { reason: 'SysctlForbidden', message: 'forbidden sysctl: "net.core.somaxconn" not allowlisted' }],
    ['one of the network on the node\'s', sysctls('net.ipv4.tcp_syncookies', { hostNetwork: true }), { reason: 'SysctlForbidden', message: 'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled' }],
    ['one of IPC in the node\'s', sysctls('kernel.msgmax', { hostIPC: true }), { reason: 'SysctlForbidden', message: 'forbidden sysctl: "kernel.msgmax" not allowed with host ipc enabled' }],
    ['a profile on a kernel without AppArmor', pod({ securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } }), { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' }],
    ['no profile', pod({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }), undefined],
    ['another system', pod({ os: { name: 'windows' } }), { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" }],
    ['groups of its own alone', pod({ securityContext: { supplementalGroupsPolicy: 'Strict' } }), { reason: 'SupplementalGroupsPolicyNotSupported', message: 'SupplementalGroupsPolicy=Strict is not supported in this node' }],
    ['the image\'s groups too', pod({ securityContext: { supplementalGroupsPolicy: 'Merge' } }), undefined],
    ['a port that is taken', ported({ hostPort: 80, hostIP: '192.0.2.1' }), { reason: 'NodePorts', message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" }],
    ['it of every address', ported({ hostPort: 80, hostIP: '0.0.0.0' }), { reason: 'NodePorts', message: "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports" }],
    ['it of another address', ported({ hostPort: 80, hostIP: '192.0.2.2' }), undefined],
    ['it of another protocol', ported({ hostPort: 80, protocol: 'UDP' }), undefined],
    ['what is free', asking({ cpu: '300m', memory: '1000' }), undefined],
    ['more than is free', asking({ cpu: '301m' }), { reason: 'OutOfcpu', message: "Node didn't have enough resource: cpu, requested: 301, used: 700, capacity: 1000" }],
    ['more than there is', asking({ memory: '1001' }), { reason: 'OutOfmemory', message: "Node didn't have enough resource: memory, requested: 1001, used: 0, capacity: 1000" }],
  ])('%s', (_, given, expected) => { expect(reject(given, facts)).toEqual(expected && expect.objectContaining(expected)) })
  it('is one too many', () => {
    expect(reject(pod({}), { ...facts, neighbours: [pod({}), pod({})] })).toEqual({ reason: 'OutOfpods', message: "Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2", lacks: [{ resource: 'pods', requested: 1, used: 2, capacity: 2 }] })
  })
})
