/**
 * The generated field tables as one map: `core-v1.Pod` to its fields, each `name -> type`. Types are those of
 * `scripts/generate-api.ts`, with the corrections of `overlay.ts` laid over them. Pure.
 */
import admissionregistrationV1 from './generated/admissionregistration-v1.json' with { type: 'json' }
import apiextensionsV1 from './generated/apiextensions-v1.json' with { type: 'json' }
import apiregistrationV1 from './generated/apiregistration-v1.json' with { type: 'json' }
import appsV1 from './generated/apps-v1.json' with { type: 'json' }
import authenticationV1 from './generated/authentication-v1.json' with { type: 'json' }
import authorizationV1 from './generated/authorization-v1.json' with { type: 'json' }
import autoscalingV1 from './generated/autoscaling-v1.json' with { type: 'json' }
import autoscalingV2 from './generated/autoscaling-v2.json' with { type: 'json' }
import batchV1 from './generated/batch-v1.json' with { type: 'json' }
import certificatesV1 from './generated/certificates-v1.json' with { type: 'json' }
import coordinationV1 from './generated/coordination-v1.json' with { type: 'json' }
import coreV1 from './generated/core-v1.json' with { type: 'json' }
import discoveryV1 from './generated/discovery-v1.json' with { type: 'json' }
import eventsV1 from './generated/events-v1.json' with { type: 'json' }
import flowcontrolV1 from './generated/flowcontrol-v1.json' with { type: 'json' }
import metaV1 from './generated/meta-v1.json' with { type: 'json' }
import networkingV1 from './generated/networking-v1.json' with { type: 'json' }
import nodeV1 from './generated/node-v1.json' with { type: 'json' }
import policyV1 from './generated/policy-v1.json' with { type: 'json' }
import rbacV1 from './generated/rbac-v1.json' with { type: 'json' }
import schedulingV1 from './generated/scheduling-v1.json' with { type: 'json' }
import storageV1 from './generated/storage-v1.json' with { type: 'json' }
import { fieldTypes } from './overlay.ts'

/** Field name to type; `!` at the end marks a required field. */
export type FieldTable = Readonly<Record<string, string>>

const modules = {
  'admissionregistration-v1': admissionregistrationV1, 'apiextensions-v1': apiextensionsV1, 'apiregistration-v1': apiregistrationV1,
  'apps-v1': appsV1, 'authentication-v1': authenticationV1, 'authorization-v1': authorizationV1, 'autoscaling-v1': autoscalingV1,
  'autoscaling-v2': autoscalingV2, 'batch-v1': batchV1, 'certificates-v1': certificatesV1, 'coordination-v1': coordinationV1, 'core-v1': coreV1,
  'discovery-v1': discoveryV1, 'events-v1': eventsV1, 'flowcontrol-v1': flowcontrolV1, 'meta-v1': metaV1, 'networking-v1': networkingV1,
  'node-v1': nodeV1, 'policy-v1': policyV1, 'rbac-v1': rbacV1, 'scheduling-v1': schedulingV1, 'storage-v1': storageV1,
} as unknown as Readonly<Record<string, Readonly<Record<string, FieldTable>>>>

const merged = new Map<string, FieldTable>()

/** The fields of a schema, `core-v1.Pod`; undefined where there is no such schema. */
export function tableOf(schema: string): FieldTable | undefined {
  const known = merged.get(schema)
  if (known) return known
  const dot = schema.indexOf('.')
  const table = modules[schema.slice(0, dot)]?.[schema.slice(dot + 1)]
  if (!table) return undefined
  const corrections = fieldTypes[schema]
  // Asked for names that clients choose: `constructor` is no field.
  const result = Object.assign(Object.create(null) as Record<string, string>, table, corrections)
  merged.set(schema, result)
  return result
}

/** Every schema of a generated table, `core-v1` for one: names without the prefix. */
export const schemasOf = (group: string): readonly string[] => Object.keys(modules[group] ?? {})

/** Splits a type: `[]core-v1.Pod!` is a required list of `core-v1.Pod`. */
export function parseType(type: string): { container: '' | '[]' | '{}'; element: string; required: boolean } {
  const required = type.endsWith('!')
  const bare = required ? type.slice(0, -1) : type
  if (bare.startsWith('[]')) return { container: '[]', element: bare.slice(2), required }
  if (bare.startsWith('{}')) return { container: '{}', element: bare.slice(2), required }
  return { container: '', element: bare, required }
}
