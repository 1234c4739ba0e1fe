/** Which APIServices we keep ourselves (`kube-aggregator/pkg/controllers/autoregister`). Pure. */
import type { APIService, APIServiceSpec } from '../../../shared/api/apiregistration-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { builtInPriority, customPriority } from './priorities.ts'

/** The label of what is kept by us: `onstart` looked after once, `true` always. */
export const MANAGED = 'kube-aggregator.kubernetes.io/automanaged'

/** `once`: made where it is missing, and then its user's. */
type Care = 'onstart' | 'true' | 'once'
export interface Wanted { readonly name: string; readonly care: Care; readonly spec: APIServiceSpec }
export type Step =
  | { readonly do: 'create'; readonly object: APIService }
  | { readonly do: 'update'; readonly object: APIService }
  | { readonly do: 'delete'; readonly name: string }

export interface GroupVersion { readonly group: string; readonly version: string }

export const nameOf = ({ group, version }: GroupVersion): string => `${version}.${group}`

/** An APIService for each group-version. What upstream registers nowhere (metrics.k8s.io, ours until somebody installs another) is made once. */
export function wantedFor(served: readonly GroupVersion[], isCustom: (gv: GroupVersion) => boolean): Wanted[] {
  return served.filter(({ group }) => group !== 'apiregistration.k8s.io').map((gv) => {
    const known = builtInPriority(gv)
    const { group, version } = known ?? customPriority
    return { name: nameOf(gv), care: known ? 'onstart' : isCustom(gv) ? 'true' : 'once', spec: { ...(gv.group ? { group: gv.group } : {}), version: gv.version, groupPriorityMinimum: group, versionPriority: version } }
  })
}

function objectOf({ name, care, spec }: Wanted, current?: APIService): APIService {
  const labels = care === 'once' ? {} : { labels: { ...current?.metadata?.labels, [MANAGED]: care } }
  return { ...current, metadata: { ...current?.metadata, name, ...labels }, spec }
}

export interface Registered {
  readonly wanted: readonly Wanted[]
  readonly current: readonly APIService[]
  /** The first time since the start: what is done once is not done again. */
  readonly first: boolean
}

/** What a user made without the label is left alone. */
export function registrationSteps({ wanted, current, first }: Registered): Step[] {
  const byName = new Map(wanted.map((w) => [w.name, w]))
  const known = new Map(current.map((c) => [c.metadata?.name ?? '', c]))
  const steps: Step[] = []
  for (const w of wanted) {
    const is = known.get(w.name)
    const managed = is?.metadata?.labels?.[MANAGED]
    if (!is) {
      if (w.care === 'true' || first) steps.push({ do: 'create', object: objectOf(w) })
    } else if (w.care !== 'once' && (managed === 'true' || (first && managed === 'onstart')) && (!equalJson(is.spec, w.spec) || managed !== w.care)) steps.push({ do: 'update', object: objectOf(w, is) })
  }
  for (const [name, { metadata }] of known) {
    const managed = metadata?.labels?.[MANAGED]
    if (!byName.has(name) && (managed === 'true' || (first && managed === 'onstart'))) steps.push({ do: 'delete', name })
  }
  return steps
}
