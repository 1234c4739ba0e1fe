import { describe, expect, it } from 'vitest'
import type { Container, Pod } from '../../../shared/api/core-v1.ts'
import { keepPart, validateEphemeralUpdate, validateResize } from './pod-parts.ts'

const of = (containers: Container[], more: object = {}): Pod => ({ metadata: { name: 'p', generation: 1 }, spec: { containers, ...more }, status: { qosClass: 'Burstable' } })
const c = (cpu: string, memory: string, more: object = {}): Container => ({ name: 'c', image: 'i', resources: { requests: { cpu: '100m' }, limits: { cpu, memory } }, ...more })
const context = (subresource: string) => ({ now: 0, user: 'u', dryRun: false, subresource })
const found = (errors: { field: string; detail: string }[]): string[] => errors.map((e) => `${e.field}: ${e.detail}`)

describe('ephemeral containers', () => {
  const debug = { name: 'd', image: 'i' }
  it('are all that is written', () => {
    const [old, next] = [of([c('1', '1Gi')]), of([{ name: 'other', image: 'x' }], { ephemeralContainers: [debug], nodeName: 'n' })]
    keepPart('ephemeralcontainers', next, old, context('ephemeralcontainers'))
    expect(next.spec).toEqual({ ...old.spec, ephemeralContainers: [debug] })
    expect(next.metadata?.generation).toBe(2)
  })
  it('stay as they are', () => {
    const old = of([], { ephemeralContainers: [debug] })
    expect(found(validateEphemeralUpdate(of([]), old))).toEqual(['spec.ephemeralContainers: existing ephemeral containers "d" may not be removed\n'])
    expect(found(validateEphemeralUpdate(of([], { ephemeralContainers: [{ ...debug, image: 'x' }] }), old))).toEqual(['spec.ephemeralContainers: existing ephemeral containers "d" may not be changed\n'])
    expect(validateEphemeralUpdate(of([], { ephemeralContainers: [debug, { name: 'e', image: 'i' }] }), old)).toEqual([])
  })
})

describe('resize', () => {
  it('writes resources alone', () => {
    const [old, next] = [of([c('1', '1Gi')]), of([{ ...c('2', '2Gi'), image: 'other' }])]
    keepPart('resize', next, old, context('resize'))
    expect(next.spec?.containers).toEqual([{ ...c('2', '2Gi') }])
    expect(validateResize(next, old)).toEqual([])
  })
  it.each([
    ['a class of service', of([{ name: 'c', image: 'i' }]), 'spec: Pod QOS Class may not change as a result of resizing'],
    ['less memory', of([c('1', '512Mi')]), 'spec.containers[0].resources.limits: memory limits cannot be decreased unless resizePolicy is RestartContainer'],
    ['no limit', of([{ ...c('1', '1Gi'), resources: { requests: { cpu: '100m' }, limits: { cpu: '1' } } }]), 'spec.containers[0].resources.limits: resource limits cannot be removed'],
    ['other names', of([{ ...c('1', '1Gi'), name: 'x' }]), 'spec.containers[0].name: containers may not be renamed or reordered on resize'],
    ['one more', of([c('1', '1Gi'), { name: 'd', image: 'i' }]), 'spec.containers: containers may not be added or removed on resize'],
    ['another resource', of([{ ...c('1', '1Gi'), resources: { requests: { cpu: '100m', 'example.com/x': '1' }, limits: { cpu: '1', memory: '1Gi' } } }]), 'spec: only cpu and memory resources are mutable\n'],
  ])('refuses %s', (_what, next, message) => { expect(found(validateResize(next, of([c('1', '1Gi')])))).toContain(message) })
  it('lets memory shrink where the container is restarted for it', () => {
    const policy = { resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] }
    expect(validateResize(of([c('1', '512Mi', policy)]), of([c('1', '1Gi', policy)]))).toEqual([])
  })
  it('needs a node that says what its containers have', () => {
    const old = { ...of([c('1', '1Gi')]), status: { qosClass: 'Burstable', containerStatuses: [{ name: 'c', image: 'i', imageID: '', ready: true, restartCount: 0, state: { running: {} } }] } }
    expect(found(validateResize(of([c('2', '1Gi')]), old))).toEqual(['spec: Pod running on node without support for resize'])
  })
})
