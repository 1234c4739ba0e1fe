/** Validation of ephemeral containers, which come to a running pod for debugging (`validateEphemeralContainers`). Pure. */
import type { EphemeralContainer } from '../../../../shared/api/core-v1.ts'
import type { FieldError } from '../definition.ts'
import { duplicate, forbidden, notFound } from '../findings.ts'
import type { Surroundings } from './containers.ts'
import { validateCommon } from './containers.ts'

const notHere = 'cannot be set for an Ephemeral Container'
/** A pod's services do not depend on them: all but these fields is refused. */
const allowed = new Set<string>([
  'name', 'image', 'command', 'args', 'workingDir', 'envFrom', 'env', 'volumeMounts', 'volumeDevices', 'terminationMessagePath', 'terminationMessagePolicy', 'imagePullPolicy', 'securityContext', 'stdin',
  'stdinOnce', 'tty', 'targetContainerName',
])

/** An empty structure counts as unset: the defaults leave one in `resources`. */
const isSet = (value: unknown): boolean => value !== undefined && value !== null && !(typeof value === 'object' && Object.keys(value).length === 0)

/** `field`: the path of the spec. */
export function validateEphemeralContainers(around: Surroundings, field: string): FieldError[] {
  const { spec } = around
  const others = new Set([...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((c) => c.name))
  const names = new Set(others)
  return (spec.ephemeralContainers ?? []).flatMap((c, i) => {
    const at = `${field}.ephemeralContainers[${i}]`
    const found = validateCommon(c, at, around)
    if (names.has(c.name)) found.push(duplicate(`${at}.name`, c.name))
    names.add(c.name)
    if (c.targetContainerName && !others.has(c.targetContainerName)) found.push(notFound(`${at}.targetContainerName`, c.targetContainerName))
    for (const key of Object.keys(c) as (keyof EphemeralContainer)[]) if (!allowed.has(key) && isSet(c[key])) found.push(forbidden(`${at}.${key}`, notHere))
    c.volumeMounts?.forEach((m, j) => {
      for (const f of ['subPath', 'subPathExpr'] as const) if (m[f]) found.push(forbidden(`${at}.volumeMounts[${j}].${f}`, notHere))
    })
    return found
  })
}
