import { describe, expect, it } from 'vitest'
import type { Pod, PodSpec } from '../../../shared/api/core-v1.ts'
import { reject, type AdmissionFacts } from './admission.ts'

const facts: AdmissionFacts = { room: { allocatable: { cpuMilli: 1000, memoryBytes: 1000 }, others: { cpuMilli: 700, memoryBytes: 0 } }, unsafeSysctls: ['kernel.msg*'], appArmor: false, pressures: [] }
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
    ['what is free', asking({ cpu: '300m', memory: '1000' }), undefined],
    ['more than is free', asking({ cpu: '301m' }), { reason: 'OutOfcpu', message: "Node didn't have enough resource: cpu, requested: 301, used: 700, capacity: 1000" }],
    ['more than there is', asking({ memory: '1001' }), { reason: 'OutOfmemory', message: "Node didn't have enough resource: memory, requested: 1001, used: 0, capacity: 1000" }],
  ])('%s', (_, given, expected) => { expect(reject(given, facts)).toEqual(expected) })
})
