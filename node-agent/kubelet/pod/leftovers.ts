/** What an earlier life of the agent left on disk, and what a pod refers to. */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { FileTree } from '../../../shared/host/file-tree.ts'
import type { PodRef } from '../../link/link.ts'
import type { PodPaths } from './paths.ts'
import { allContainers, type StoredPod } from './pod-facts.ts'

/** Pods that have a folder for files or logs: `<namespace>_<name>_<uid>`. */
export async function findLeftovers(files: FileTree, dataDir: string): Promise<PodRef[]> {
  const refs = new Map<string, PodRef>()
  for (const uid of await files.list(`${dataDir}/pods`)) refs.set(uid, { uid, name: uid, namespace: '' })
  for (const folder of await files.list(`${dataDir}/logs`)) {
    const [namespace, name, uid] = folder.split('_')
    if (namespace && name && uid) refs.set(uid, { namespace, name, uid })
  }
  return [...refs.values()]
}

/** A pod of which only the name is known: enough to take it down. */
export const skeleton = (ref: PodRef): StoredPod =>
  ({ metadata: { ...ref, resourceVersion: '', creationTimestamp: '' }, spec: { containers: [] } }) as StoredPod

/** The attempt after the newest that left a log, by container. */
export async function firstAttempts(files: FileTree, paths: PodPaths, pod: Pod): Promise<Map<string, number>> {
  const out = new Map<string, number>()
  for (const { name } of allContainers(pod)) {
    const attempts = (await files.list(`${paths.logs}/${name}`)).map((f) => Number.parseInt(f, 10)).filter((n) => Number.isInteger(n))
    if (attempts.length > 0) out.set(name, Math.max(...attempts) + 1)
  }
  return out
}

/** Every ConfigMap, Secret and claim that a pod refers to: `ConfigMap/web`. */
export function objectsOf(pod: Pod): ReadonlySet<string> {
  const out = new Set<string>()
  const map = (name: string | undefined): void => { if (name) out.add(`ConfigMap/${name}`) }
  const secret = (name: string | undefined): void => { if (name) out.add(`Secret/${name}`) }
  for (const v of pod.spec?.volumes ?? []) {
    map(v.configMap?.name)
    if (v.persistentVolumeClaim) out.add(`PersistentVolumeClaim/${v.persistentVolumeClaim.claimName}`)
    if (v.ephemeral) out.add(`PersistentVolumeClaim/${pod.metadata?.name}-${v.name}`)
    secret(v.secret?.secretName)
    for (const s of v.projected?.sources ?? []) { map(s.configMap?.name); secret(s.secret?.name) }
  }
  for (const c of allContainers(pod)) {
    for (const f of c.envFrom ?? []) { map(f.configMapRef?.name); secret(f.secretRef?.name) }
    for (const e of c.env ?? []) { map(e.valueFrom?.configMapKeyRef?.name); secret(e.valueFrom?.secretKeyRef?.name) }
  }
  for (const s of pod.spec?.imagePullSecrets ?? []) secret(s.name)
  return out
}
