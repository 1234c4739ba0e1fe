/**
 * The operator: `controller.ts KUBECONFIG IDENTITY`. While it leads it keeps for each Backup a ConfigMap that the Backup owns, says so in the
 * status, and lets a Backup go only when its finalizer has been served. Knows the cluster through `@kubernetes/client-node` alone.
 */
import { ApiException, CoreV1Api, CustomObjectsApi, KubeConfig, makeInformer } from '@kubernetes/client-node'
import type { KubernetesListObject, KubernetesObject } from '@kubernetes/client-node'
import { group, plural } from './definition.ts'
import type { Backup } from './definition.ts'
import { lead } from './leader-election.ts'

const finalizer = `${group}/catalogue`
const [kubeconfig = '', identity = ''] = process.argv.slice(2)
const config = new KubeConfig()
config.loadFromFile(kubeconfig)
const core = config.makeApiClient(CoreV1Api)
const custom = config.makeApiClient(CustomObjectsApi)
const at = (b: Backup): { group: string; version: string; plural: string; namespace: string; name: string } => ({ group, version: 'v1', plural, namespace: b.metadata.namespace, name: b.metadata.name })
const isCode = (e: unknown, code: number): boolean => e instanceof ApiException && e.code === code

async function keepPlan(b: Backup): Promise<void> {
  const { name, namespace, uid } = b.metadata
  const body = {
    metadata: { name: `backup-${name}`, namespace, ownerReferences: [{ apiVersion: b.apiVersion, kind: b.kind, name, uid, controller: true, blockOwnerDeletion: true }] },
    data: { plan: `${b.spec.volume} at ${b.spec.hour}:${b.spec.minute}, keep ${b.spec.keep}`, by: identity },
  }
  try {
    await core.createNamespacedConfigMap({ namespace, body })
  } catch (e) {
    if (!isCode(e, 409)) throw e
    const old = await core.readNamespacedConfigMap({ name: body.metadata.name, namespace })
    if (old.data?.plan !== body.data.plan) await core.replaceNamespacedConfigMap({ name: body.metadata.name, namespace, body: { ...old, data: body.data } })
  }
}

async function reconcile(b: Backup): Promise<void> {
  const { finalizers = [], generation, deletionTimestamp } = b.metadata
  if (deletionTimestamp) {
    if (!finalizers.includes(finalizer)) return
    console.log(`forgot ${b.metadata.name}`)
    await custom.replaceNamespacedCustomObject({ ...at(b), body: { ...b, metadata: { ...b.metadata, finalizers: finalizers.filter((f) => f !== finalizer) } } })
    return
  }
  if (!finalizers.includes(finalizer)) {
    await custom.replaceNamespacedCustomObject({ ...at(b), body: { ...b, metadata: { ...b.metadata, finalizers: [...finalizers, finalizer] } } })
    return
  }
  await keepPlan(b)
  if (b.status?.observedGeneration !== generation) await custom.replaceNamespacedCustomObjectStatus({ ...at(b), body: { ...b, status: { phase: 'Planned', observedGeneration: generation } } })
}

/** One after the other; a conflict means that a newer object is on its way here. */
let work: Promise<void> = Promise.resolve()
function queue(b: Backup): void {
  work = work.then(() => reconcile(b)).catch((e: unknown) => {
    if (!isCode(e, 409) && !isCode(e, 404)) throw e
  }).catch((e: unknown) => { console.error(e); process.exit(1) })
}

await lead(config, { namespace: 'operators', name: 'backup-operator', identity, leaseDuration: 9 }, (why) => { console.error('lost the lead', why); process.exit(1) })
console.log('leading')
const informer = makeInformer<KubernetesObject>(config, `/apis/${group}/v1/${plural}`, async () => await custom.listClusterCustomObject({ group, version: 'v1', plural }) as KubernetesListObject<KubernetesObject>)
informer.on('add', (b) => queue(b as unknown as Backup))
informer.on('update', (b) => queue(b as unknown as Backup))
informer.on('error', (e: unknown) => { console.error(e); process.exit(1) })
await informer.start()
