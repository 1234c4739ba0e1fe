/** What upstream's server makes of itself at start beside roles: system priority classes, flow control's configuration, the range of Services. */
import type { KubeObject, ResourceRef } from '../../shared/api/object.ts'
import { refs } from '../../shared/api/refs.ts'
import { isAlreadyExists, isNotFound } from '../../shared/base/errors.ts'
import type { ApiClient } from '../../shared/client/api-client.ts'
import { equalJson } from '../../shared/values/json-value.ts'
import { timestamp } from '../../shared/values/timestamp.ts'
import { suggestedLevels, suggestedSchemas } from './flow-control/suggested.ts'
import { systemPriorityClasses } from './resources/priority-classes.ts'

const autoUpdate = 'apf.kubernetes.io/autoupdate-spec'
const mandatory = new Set(['exempt', 'catch-all'])

type Specified = KubeObject & { spec?: unknown }

/** Makes what is missing. What is there stays, but a flow-control object that says the server keeps it, or is mandatory, gets its spec back. */
async function keep<T extends KubeObject>(client: ApiClient, ref: ResourceRef<T>, wanted: Specified): Promise<void> {
  const name = wanted.metadata?.name ?? ''
  try {
    const current = await client.get(ref, { name }) as Specified
    const ours = mandatory.has(name) || current.metadata?.annotations?.[autoUpdate] === 'true'
    if (!wanted.spec || !ours || equalJson(current.spec, wanted.spec)) return
    await client.update(ref, { ...current, spec: wanted.spec } as never)
  } catch (e) {
    if (!isNotFound(e)) throw e
    await client.create(ref, wanted as never).catch((error: unknown) => { if (!isAlreadyExists(error)) throw error })
  }
}

async function keepServiceCidr(client: ApiClient, cidr: string, now: number): Promise<void> {
  const object = { apiVersion: 'networking.k8s.io/v1', kind: 'ServiceCIDR', metadata: { name: 'kubernetes' }, spec: { cidrs: [cidr] } }
  await keep(client, refs.ServiceCIDR, { ...object, metadata: { name: 'kubernetes' } })
  const made = await client.get(refs.ServiceCIDR, { name: 'kubernetes' })
  if (made.status?.conditions?.length) return
  const ready = { type: 'Ready', status: 'True', reason: '', message: 'Kubernetes default Service CIDR is ready', lastTransitionTime: timestamp(now) }
  await client.update(refs.ServiceCIDR, { ...made, status: { conditions: [ready] } }, { subresource: 'status' })
}

/** `now`: wall clock, milliseconds. */
export async function bootstrapConfiguration(client: ApiClient, serviceCIDR: string, now: number): Promise<void> {
  await Promise.all([
    ...systemPriorityClasses.map((c) => keep(client, refs.PriorityClass, { apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', ...c })),
    ...suggestedLevels.map((l) => keep(client, refs.PriorityLevelConfiguration, l)),
    ...suggestedSchemas.map((s) => keep(client, refs.FlowSchema, s)),
    keepServiceCidr(client, serviceCIDR, now),
  ])
}
