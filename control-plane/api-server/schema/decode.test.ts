import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StatusError } from '../../../shared/base/errors.ts'
import { freezeJson } from '../../../shared/values/json-value.ts'
import { registry } from '../resources/registry.ts'
import { decodeObject } from './decode.ts'
import { duplicateFields } from './duplicate-keys.ts'

const pods = registry.find('', 'v1', 'pods')!
const secrets = registry.find('', 'v1', 'secrets')!
const deployments = registry.find('apps', 'v1', 'deployments')!
const json = (text: string, definition = pods, validation: 'Strict' | 'Warn' | 'Ignore' = 'Strict') => decodeObject(definition, Buffer.from(text), 'json', validation)
const refusal = (run: () => unknown): string => {
  try { run() } catch (e) {
    expect(e).toBeInstanceOf(StatusError)
    expect((e as StatusError).code).toBe(400)
    return (e as StatusError).message
  }
  throw new Error('was accepted')
}

describe('types', () => {
  it.each([
    ['{"spec":{"replicas":"3"}}', 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['{"spec":{"replicas":1.5}}', 'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['{"spec":{"replicas":3000000000}}', 'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32'],
    ['{"spec":[]}', 'json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec'],
    ['{"metadata":{"labels":{"a":true}}}', 'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string'],
    ['{"metadata":{"labels":"a"}}', 'json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string'],
    ['{"spec":{"template":{"spec":{"containers":[{"env":[{"value":8080}]}]}}}}', 'json: cannot unmarshal number into Go struct field EnvVar.spec.template.spec.containers.env.value of type string'],
    ['{"spec":{"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"x1"}}}]}}}}', "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
    ['{"metadata":{"creationTimestamp":"yesterday"}}', 'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" as "2006"'],
  ])('%s', (text, why) => { expect(refusal(() => json(text, deployments))).toBe(`Deployment in version "v1" cannot be handled as a Deployment: ${why}`) })

  it('brings scalars to their canonical form', () => {
    const { object } = json('{"metadata":{"creationTimestamp":"2024-05-01T12:00:00.123+02:00"},"spec":{"containers":[{"resources":{"limits":{"cpu":0.5,"memory":"1024Mi"}}}]}}')
    expect(object).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: { creationTimestamp: '2024-05-01T10:00:00Z' }, spec: { containers: [{ resources: { limits: { cpu: '500m', memory: '1Gi' } } }] } })
  })
  it('checks base64', () => {
    expect(refusal(() => json('{"data":{"a":"a*b="}}', secrets))).toContain('illegal base64 data at input byte 1')
    expect(json('{"data":{"a":"aGk="}}', secrets).object).toMatchObject({ data: { a: 'aGk=' } })
  })
})

describe('field validation', () => {
  const text = '{"spec":{"foo":1,"containers":[{"nmae":"x"}],"nodeName":"a","nodeName":"b"}}'
  it('Strict refuses and says every field', () => {
    expect(refusal(() => json(text))).toBe('Pod in version "v1" cannot be handled as a Pod: strict decoding error: duplicate field "spec.nodeName", unknown field "spec.foo", unknown field "spec.containers[0].nmae"')
  })
  it('Warn keeps going, Ignore says nothing; both prune', () => {
    const warned = json(text, pods, 'Warn')
    expect(warned.warnings).toEqual(['duplicate field "spec.nodeName"', 'unknown field "spec.foo"', 'unknown field "spec.containers[0].nmae"'])
    expect(warned.object).toMatchObject({ spec: { containers: [{}], nodeName: 'b' } })
    expect(json(text, pods, 'Ignore')).toEqual({ object: warned.object, warnings: [] })
  })
  it('names are case-sensitive, prototypes out of reach', () => {
    expect(json('{"Spec":{},"__proto__":{"x":1}}', pods, 'Warn').warnings).toEqual(['unknown field "Spec"', 'unknown field "__proto__"'])
    const { object } = json('{"metadata":{"labels":{"__proto__":"x"}}}')
    expect(Object.keys(object.metadata?.labels ?? {})).toEqual(['__proto__'])
  })
  it('drops nulls and empty optional collections', () => {
    expect(json('{"metadata":{"labels":{},"name":null,"finalizers":[]},"spec":{"containers":[null],"volumes":[]}}').object).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: {}, spec: { containers: [{}] } })
  })
})

describe('header and syntax', () => {
  it.each([
    ['{"apiVersion":"apps/v1"}', 'the API version in the data (apps/v1) does not match the expected API version (v1)'],
    ['{"kind":"Service"}', 'Service in version "v1" cannot be handled as a Pod: converting (v1.Service) to (v1.Pod): unknown conversion'],
  ])('%s', (text, message) => { expect(refusal(() => json(text))).toBe(message) })
  it.each(['', '{', '[]', 'null', '3', '{"kind":3}'])('%j is not an object', (text) => { expect(refusal(() => json(text))).toMatch(/^the object provided is unrecognized \(must be of type Pod\): couldn't get version\/kind; json parse error: /) })
  it('reads YAML', () => {
    const yaml = (text: string) => decodeObject(pods, Buffer.from(text), 'yaml', 'Warn')
    expect(yaml('kind: Pod\nmetadata: {name: a}\nspec:\n  hostNetwork: yes\n  nodeName: a\n  nodeName: b\n')).toEqual({ object: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { hostNetwork: true, nodeName: 'b' } }, warnings: ['line 6: key "nodeName" already set in map'] })
    expect(refusal(() => yaml('a: [b'))).toMatch(/^the object provided is unrecognized .*yaml: line/)
  })
  it('an object of a client in process is copied, not changed', () => {
    const given = freezeJson({ metadata: { name: 'a', labels: { x: 'y' } }, spec: { containers: [{ name: 'c' }] } })
    const { object } = decodeObject(pods, given, 'json', 'Strict')
    expect(object.metadata).toEqual(given.metadata)
    expect(object.metadata?.labels).not.toBe(given.metadata.labels)
  })
})

it('finds duplicates exactly where a key is said twice', () => {
  expect(duplicateFields('{"a":[{"b":1,"\\u0062":2}],"c":"{\\"x\\":1,\\"x\\":2}","d":{"a":1}}')).toEqual(['a[0].b'])
  fc.assert(fc.property(fc.jsonValue(), (value) => { expect(duplicateFields(JSON.stringify(value, null, 1))).toEqual([]) }))
})
