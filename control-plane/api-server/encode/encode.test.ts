import { expect, it } from 'vitest'
import { registry } from '../resources/registry.ts'
import { toPartialMetadataList } from './partial-metadata.ts'
import { toTable } from './table.ts'
import { invalid } from './validation-status.ts'

const deployments = registry.find('apps', 'v1', 'deployments')!
const negative = { type: 'Invalid', field: 'spec.replicas', value: -1, detail: 'must be greater than or equal to 0' } as const

it('says what is wrong as upstream does', () => {
  expect(invalid(deployments, 'x', [negative]).toStatus()).toEqual({
    kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: 422, reason: 'Invalid',
    message: 'Deployment.apps "x" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    details: { name: 'x', group: 'apps', kind: 'Deployment', causes: [{ reason: 'FieldValueInvalid', message: 'Invalid value: -1: must be greater than or equal to 0', field: 'spec.replicas' }] },
  })
  const pods = registry.find('', 'v1', 'pods')!
  expect(invalid(pods, 'p', [
    { type: 'Required', field: 'spec.containers', value: '', detail: '' }, { type: 'NotSupported', field: 'spec.dnsPolicy', value: 'x', detail: '', supported: ['A', 'B'] }, { type: 'Duplicate', field: 'a', value: 'x"y', detail: '' },
    { type: 'Duplicate', field: 'a', value: 'x"y', detail: '' }, { type: 'Forbidden', field: 'b', detail: 'no' }, { type: 'Invalid', field: 'c', value: { matchLabels: { app: 'x' } }, detail: 'field is immutable' }, { type: 'Invalid', field: 'd', value: null, detail: 'x' },
  ]).message).toBe('Pod "p" is invalid: [spec.containers: Required value, spec.dnsPolicy: Unsupported value: "x": supported values: "A", "B", a: Duplicate value: "x\\"y", b: Forbidden: no, c: Invalid value: {"matchLabels":{"app":"x"}}: field is immutable, d: Invalid value: "null": x]')
})

it('makes tables', () => {
  const object = { metadata: { name: 'web', namespace: 'd', creationTimestamp: '2024-01-01T00:00:00Z' }, spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template: { spec: { containers: [{ name: 'c', image: 'nginx' }] } } }, status: { readyReplicas: 1 } }
  const options = { now: Date.parse('2024-01-01T00:05:00Z'), listMeta: { resourceVersion: '7' } }
  const table = toTable(deployments, [object], { ...options, includeObject: 'Metadata' })
  expect(table.columnDefinitions?.map((c) => `${c.name}:${c.priority}`)).toEqual(['Name:0', 'Ready:0', 'Up-to-date:0', 'Available:0', 'Age:0', 'Containers:1', 'Images:1', 'Selector:1'])
  expect(table).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1', metadata: { resourceVersion: '7' } })
  expect(table.rows).toEqual([{ cells: ['web', '1/3', 0, 0, '5m', 'c', 'nginx', 'app=web'], object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata } }])
  expect(toTable(deployments, [object], { ...options, includeObject: 'None', noHeaders: true })).toMatchObject({ columnDefinitions: null, rows: [{ cells: expect.any(Array) as unknown }] })
  expect(toTable(deployments, [object], { ...options, includeObject: 'Object' }).rows[0]?.object).toBe(object)
  expect(toPartialMetadataList([object], {}).items[0]?.metadata).toBe(object.metadata)
})
