/** Rolls Deployments out through ReplicaSets. */
import type { Deployment, ReplicaSet } from '../../../shared/api/apps-v1.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { controllerRef, type Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { conflict, isAlreadyExists, isNotFound, isStatus, messageOf } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { selectsEverything, selectsLabels } from '../../../shared/values/label-selector.ts'
import { byController, controllerIndex, controllerOf, createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { planDeployment, type Step } from './plan.ts'
import { revisionAnnotation, sameTemplate, type StoredSet } from './revision.ts'
import { conditionOf, hasDeadline, newCondition } from './status.ts'

type StoredDeployment = Stored<Deployment>
/** The step's deployment as last written: later steps of one plan build on it. */
interface Progress { deployment: StoredDeployment }
type Executors = { [K in Step['do']]: (step: Extract<Step, { do: K }>, progress: Progress) => Promise<void> }

const owner = { apiVersion: 'apps/v1', kind: 'Deployment' }
const keyFor = (o: Stored<Deployment | ReplicaSet>) => ({ namespace: o.metadata.namespace, name: o.metadata.name })

export function createDeploymentController(deps: ControllerDeps): Controller {
  const { client, recorder } = deps
  const { clock } = deps.host
  const deployments = deps.informers.for(refs.Deployment)
  const sets = deps.informers.for(refs.ReplicaSet)
  const pods = deps.informers.for(refs.Pod)
  sets.addIndexer(controllerIndex, byController)
  pods.addIndexer(controllerIndex, byController)

  const said = (d: StoredDeployment, reason: string, message: string, type: 'Normal' | 'Warning' = 'Normal'): void => { recorder.event(refs.Deployment, d, type, reason, message) }

  /** Owned sets; adopts orphans that match, releases what no longer does. */
  const claim = async (d: StoredDeployment): Promise<StoredSet[]> => {
    const selector = d.spec?.selector
    const owned = sets.byIndex(controllerIndex, d.metadata.uid)
    const matching = owned.filter((s) => selectsLabels(selector, s.metadata.labels))
    if (d.metadata.deletionTimestamp) return matching
    for (const s of owned) {
      if (s.metadata.deletionTimestamp || matching.includes(s)) continue
      const ownerReferences = s.metadata.ownerReferences?.filter((o) => o.uid !== d.metadata.uid) ?? []
      await client.update(refs.ReplicaSet, { ...s, metadata: { ...s.metadata, ownerReferences } })
    }
    const orphans = sets.byIndex(controllerIndex, `orphan:${d.metadata.namespace ?? ''}`).filter((s) => !s.metadata.deletionTimestamp && selectsLabels(selector, s.metadata.labels))
    if (orphans.length > 0) {
      const fresh = await client.get(refs.Deployment, keyFor(d))
      if (fresh.metadata.uid !== d.metadata.uid || fresh.metadata.deletionTimestamp) throw conflict({ group: 'apps', resource: 'deployments', name: d.metadata.name }, 'it was deleted meanwhile')
    }
    const adopted: StoredSet[] = []
    for (const s of orphans) adopted.push(await client.update(refs.ReplicaSet, { ...s, metadata: { ...s.metadata, ownerReferences: [...s.metadata.ownerReferences ?? [], controllerRef(d, owner)] } }))
    return [...matching, ...adopted]
  }

  /** The name is taken. By us, seen late: all is well. By another: count the collision, and the next plan takes another name. */
  const resolveCollision = async (d: StoredDeployment, wanted: ReplicaSet & { metadata: { name: string } }): Promise<void> => {
    const found = await client.get(refs.ReplicaSet, { namespace: d.metadata.namespace, name: wanted.metadata.name })
    if (controllerOf(found)?.uid === d.metadata.uid && sameTemplate(found.spec?.template, d.spec?.template)) return
    await client.update(refs.Deployment, { ...d, status: { ...d.status, collisionCount: (d.status?.collisionCount ?? 0) + 1 } }, { subresource: 'status' })
    throw conflict({ group: 'apps', resource: 'replicasets', name: wanted.metadata.name }, 'the name belongs to another template')
  }

  const failedCreate = async (d: StoredDeployment, e: unknown): Promise<void> => {
    said(d, 'ReplicaSetCreateError', `Failed to create new replica set: ${messageOf(e)}`, 'Warning')
    if (!hasDeadline(d)) return
    const condition = newCondition('Progressing', 'False', 'ReplicaSetCreateError', `Failed to create new replica set: ${messageOf(e)}`, clock.now())
    if (conditionOf(d.status, 'Progressing')?.message === condition.message) return
    const conditions = [...d.status?.conditions?.filter((c) => c.type !== 'Progressing') ?? [], condition]
    await client.update(refs.Deployment, { ...d, status: { ...d.status, conditions } }, { subresource: 'status' })
  }

  const executors: Executors = {
    async createSet({ set }, { deployment: d }) {
      const namespace = d.metadata.namespace ?? ''
      try {
        await client.create(refs.ReplicaSet, { ...set, metadata: { ...set.metadata, namespace, ownerReferences: [controllerRef(d, owner)] } })
      } catch (e) {
        if (isAlreadyExists(e)) { await resolveCollision(d, set); return }
        if (isStatus(e) && e.details?.causes?.some((c) => c.reason === 'NamespaceTerminating')) return
        await failedCreate(d, e)
        throw e
      }
      if ((set.spec?.replicas ?? 0) > 0) said(d, 'ScalingReplicaSet', `Scaled up replica set ${set.metadata.name} from 0 to ${set.spec?.replicas}`)
    },
    async updateSet({ set, from, to }, { deployment: d }) {
      await client.update(refs.ReplicaSet, set)
      if (from !== to) said(d, 'ScalingReplicaSet', `Scaled ${to > from ? 'up' : 'down'} replica set ${set.metadata.name} from ${from} to ${to}`)
    },
    async deleteSet({ set }) {
      try {
        await client.delete(refs.ReplicaSet, keyFor(set), { preconditions: { uid: set.metadata.uid } })
      } catch (e) { if (!isNotFound(e)) throw e }
    },
    async annotate({ revision }, progress) {
      const d = progress.deployment
      if (d.metadata.annotations?.[revisionAnnotation] === revision) return
      progress.deployment = await client.update(refs.Deployment, { ...d, metadata: { ...d.metadata, annotations: { ...d.metadata.annotations, [revisionAnnotation]: revision } } })
    },
    async writeStatus({ status }, progress) {
      progress.deployment = await client.update(refs.Deployment, { ...progress.deployment, status }, { subresource: 'status' })
    },
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    const { namespace, name } = splitKey(key)
    const deployment = deployments.get(namespace, name)
    if (!deployment) return
    if (!deployment.spec?.selector || selectsEverything(deployment.spec.selector)) {
      said(deployment, 'SelectingAll', 'This deployment is selecting all pods. A non-empty selector is required.', 'Warning')
      return
    }
    const owned = await claim(deployment)
    const podsBySet = new Map<string, readonly Stored<Pod>[]>(owned.map((s) => [s.metadata.uid, pods.byIndex(controllerIndex, s.metadata.uid)]))
    const { steps, after } = planDeployment({ deployment, sets: owned, pods: podsBySet, now: clock.now() })
    const progress: Progress = { deployment }
    for (const step of steps) await (executors[step.do] as (s: Step, p: Progress) => Promise<void>)(step, progress)
    return after === undefined ? undefined : { after }
  }

  return createController({
    name: 'deployment', deps, workers: 5, reads: [refs.Deployment, refs.ReplicaSet, refs.Pod], reconcile,
    watch(queue) {
      const wakeOwner = (set: StoredSet): void => {
        const ref = controllerOf(set)
        if (ref?.kind === 'Deployment') queue.add(`${set.metadata.namespace}/${ref.name}`)
        if (!ref) for (const d of deployments.list(set.metadata.namespace)) if (selectsLabels(d.spec?.selector, set.metadata.labels)) queue.add(keyOf(d))
      }
      return [
        deployments.on({ add: (d) => { queue.add(keyOf(d)) }, update: (d) => { queue.add(keyOf(d)) }, delete: (d) => { queue.add(keyOf(d)) } }),
        sets.on({ add: wakeOwner, delete: wakeOwner, update: (s, old) => { if (controllerOf(old)?.uid !== controllerOf(s)?.uid) wakeOwner(old); wakeOwner(s) } }),
        // Recreate waits for the last old pod; nothing else here depends on single pods.
        pods.on({
          delete: (pod) => {
            const ref = controllerOf(pod)
            const set = ref?.kind === 'ReplicaSet' ? sets.get(pod.metadata.namespace, ref.name) : undefined
            const d = set && controllerOf(set) ? deployments.get(set.metadata.namespace, controllerOf(set)?.name ?? '') : undefined
            if (d?.spec?.strategy?.type === 'Recreate') queue.add(keyOf(d))
          },
        }),
      ]
    },
  })
}
