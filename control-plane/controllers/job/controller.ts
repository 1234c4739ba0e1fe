/** Runs Jobs to their end. */
import type { Job, JobStatus } from '../../../shared/api/batch-v1.ts'
import type { Pod } from '../../../shared/api/core-v1.ts'
import { controllerRef, type Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isNotFound } from '../../../shared/base/errors.ts'
import type { HandlerResult } from '../../../shared/reconcile/work-queue.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { controllerOf, createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { createExpectations, expectationTimeout } from '../expectations.ts'
import { createPodClaims } from '../pod-claims.ts'
import { createPods, deletePods } from '../pod-control.ts'
import { isFinished, planJob, tracked, trackingFinalizer, untilExpiry, type JobPlan } from './plan.ts'
import { jobPod } from './pod.ts'

type StoredJob = Stored<Job>
type StoredPod = Stored<Pod>
const managedHere = 'kubernetes.io/job-controller'
/** Prefix of keys for pods that no job has any more. */
const orphanPrefix = 'pod:'

export function createJobController(deps: ControllerDeps): Controller {
  const { client, recorder } = deps
  const { clock } = deps.host
  const jobs = deps.informers.for(refs.Job)
  const pods = deps.informers.for(refs.Pod)
  const expectations = createExpectations(clock)
  const claims = createPodClaims(deps, { ref: refs.Job, owners: jobs, selector: (job) => job.spec?.selector })
  /** By job: uids whose finalizer is off in the store and maybe not yet in the informer. */
  const released = new Map<string, Set<string>>()

  const release = async (pod: StoredPod): Promise<void> => {
    const finalizers = pod.metadata.finalizers?.filter((f) => f !== trackingFinalizer) ?? []
    try {
      await client.patch(refs.Pod, { namespace: pod.metadata.namespace, name: pod.metadata.name }, 'application/merge-patch+json',
        { metadata: { uid: pod.metadata.uid, resourceVersion: pod.metadata.resourceVersion, finalizers: finalizers.length ? finalizers : null } })
    } catch (e) { if (!isNotFound(e)) throw e }
  }
  const writeStatus = async (job: StoredJob, status: JobStatus): Promise<StoredJob> =>
    (equalJson(status, job.status ?? {}) ? job : await client.update(refs.Job, { ...job, status }, { subresource: 'status' }))

  const act = async (key: string, job: StoredJob, plan: JobPlan): Promise<boolean> => {
    const acting = { deps, ref: refs.Job, owner: job, key, expectations }
    if (plan.create.length || plan.remove.length) expectations.expect(key, plan.create.length, plan.remove.map((p) => p.metadata.uid))
    const owner = controllerRef(job, { apiVersion: 'batch/v1', kind: 'Job' })
    const failures = [await deletePods(acting, plan.remove), await createPods(acting, plan.create.map((p) => jobPod(job, p, owner)))]
    return failures.some((f) => f !== undefined)
  }

  const run = async (key: string, job: StoredJob): Promise<HandlerResult> => {
    const owned = await claims.claim(job)
    const mine = released.get(key) ?? new Set<string>()
    for (const uid of mine) if (!owned.some((p) => p.metadata.uid === uid && tracked(p))) mine.delete(uid)
    const caughtUp = expectations.satisfied(key)
    const plan = planJob({ job, pods: owned, now: clock.now(), caughtUp, released: mine })
    let latest = job
    if (plan.release.length) {
      latest = await writeStatus(job, plan.noted)
      for (const pod of plan.release) {
        await release(pod)
        released.set(key, mine.add(pod.metadata.uid))
      }
    }
    const failed = await act(key, job, plan)
    const status = failed ? { ...plan.counted, active: Math.max(0, (plan.counted.active ?? 0) - plan.create.length), ready: 0 } : plan.counted
    await writeStatus(latest, status)
    for (const { type, reason, message } of plan.events) recorder.event(refs.Job, job, type, reason, message)
    if (failed) throw new Error('not all pods could be created or deleted')
    const waits = [plan.after, caughtUp ? undefined : expectationTimeout].filter((w) => w !== undefined)
    return waits.length ? { after: Math.min(...waits) } : undefined
  }

  /** What is left to do for a job that ended: pods let go, and the job itself when its time is over. */
  const tidy = async (job: StoredJob): Promise<HandlerResult> => {
    for (const pod of await claims.claim(job)) if (tracked(pod)) await release(pod)
    const wait = untilExpiry(job, clock.now())
    if (wait === undefined || job.metadata.deletionTimestamp) return
    if (wait > 0) return { after: wait }
    try {
      await client.delete(refs.Job, { namespace: job.metadata.namespace, name: job.metadata.name }, { propagationPolicy: 'Foreground', preconditions: { uid: job.metadata.uid, resourceVersion: job.metadata.resourceVersion } })
    } catch (e) { if (!isNotFound(e)) throw e }
  }

  /** A pod whose job is gone has nobody else to take the finalizer off. */
  const letGo = async (key: string): Promise<void> => {
    const { namespace, name } = splitKey(key)
    const pod = pods.get(namespace, name)
    if (!pod || !tracked(pod) || claims.ownerOf(pod)) return
    const ref = controllerOf(pod)
    if (ref?.kind === 'Job') {
      // The informers of pods and jobs are two streams: the store knows whether the job is really gone.
      try {
        const job = await client.get(refs.Job, { namespace, name: ref.name })
        if (job.metadata.uid === ref.uid) return
      } catch (e) { if (!isNotFound(e)) throw e }
    }
    await release(pod)
  }

  const reconcile = async (key: string): Promise<HandlerResult> => {
    if (key.startsWith(orphanPrefix)) return letGo(key.slice(orphanPrefix.length))
    const { namespace, name } = splitKey(key)
    const job = jobs.get(namespace, name)
    if (!job) {
      expectations.forget(key)
      released.delete(key)
      return
    }
    if (job.spec?.managedBy !== undefined && job.spec.managedBy !== managedHere) return
    return isFinished(job) ? tidy(job) : run(key, job)
  }

  return createController({
    name: 'job', deps, workers: 5, reads: [refs.Job, refs.Pod], reconcile,
    watch(queue) {
      const orphan = (pod: StoredPod): void => {
        const ref = controllerOf(pod)
        if (tracked(pod) && (!ref || (ref.kind === 'Job' && !claims.ownerOf(pod)))) queue.add(`${orphanPrefix}${keyOf(pod)}`)
      }
      return [
        jobs.on({
          add: (j) => { queue.add(keyOf(j)) }, update: (j) => { queue.add(keyOf(j)) },
          delete: (j) => {
            queue.add(keyOf(j))
            for (const pod of pods.list(j.metadata.namespace)) if (controllerOf(pod)?.uid === j.metadata.uid) orphan(pod)
          },
        }),
        claims.listen(queue, expectations),
        pods.on({ add: orphan, update: orphan }),
      ]
    },
  })
}
