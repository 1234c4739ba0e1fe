import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { parseLogOptions } from './log-options.ts'
import { podTarget } from './pod-target.ts'

const pod = (containers: string[], more: { node?: string; annotation?: string } = {}): Stored<Pod> => ({
  metadata: { name: 'web', namespace: 'ns', uid: 'u', resourceVersion: '1', creationTimestamp: '', ...(more.annotation ? { annotations: { 'kubectl.kubernetes.io/default-container': more.annotation } } : {}) },
  spec: { containers: containers.map((name) => ({ name })), initContainers: [{ name: 'init' }], ...(more.node === '' ? {} : { nodeName: 'pi' }) },
})

describe('which container', () => {
  it('takes the only one, the named one, the annotated one', () => {
    expect(podTarget(pod(['a']), undefined)).toEqual({ namespace: 'ns', pod: 'web', uid: 'u', container: 'a', node: 'pi' })
    expect(podTarget(pod(['a', 'b']), 'init').container).toBe('init')
    expect(podTarget(pod(['a', 'b'], { annotation: 'b' }), undefined).container).toBe('b')
  })
  it('refuses in upstream\'s words', () => {
    expect(() => podTarget(pod(['a', 'b']), undefined)).toThrow('a container name must be specified for pod web, choose one of: [a b] or one of the init containers: [init]')
    expect(() => podTarget(pod(['a']), 'x')).toThrow('container x is not valid for pod web')
    expect(() => podTarget(pod(['a'], { node: '' }), 'a')).toThrow('pod web does not have a host assigned')
  })
})

describe('log options', () => {
  const parse = (query: string) => parseLogOptions(new URLSearchParams(query), 100_000)
  it('reads every option', () => {
    expect(parse('follow=true&previous=1&timestamps=true&tailLines=5&limitBytes=7&sinceSeconds=10&container=c'))
      .toEqual({ container: 'c', follow: true, previous: true, timestamps: true, tailLines: 5, limitBytes: 7, since: 90_000 })
    expect(parse('sinceTime=1970-01-01T00:00:05Z')).toMatchObject({ since: 5000, follow: false })
  })
  it('names the field it refuses', () => {
    expect(() => parse('tailLines=-1')).toThrow('tailLines: Invalid value: -1: must be greater than or equal to 0')
    expect(() => parse('limitBytes=0')).toThrow('limitBytes: Invalid value: 0: must be greater than 0')
    expect(() => parse('sinceSeconds=1&sinceTime=1970-01-01T00:00:05Z')).toThrow('at most one of')
    expect(() => parse('tailLines=x')).toThrow('invalid syntax')
    expect(() => parse('sinceTime=yesterday')).toThrow('RFC 3339')
    expect(() => parse('stream=Stdout')).toThrow('not supported')
  })
})
