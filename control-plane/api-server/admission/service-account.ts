/** Gives a new pod its service account and the volume with the account's token (`plugin/pkg/admission/serviceaccount`). */
import type { Container, Pod, ServiceAccount, Volume } from '../../../shared/api/core-v1.ts'
import { forbidden } from '../../../shared/base/errors.ts'
import type { Host } from '../../../shared/base/host.ts'
import type { Store } from '../../store/store.ts'
import { objectKey } from '../keys.ts'
import { randomSuffix } from '../verbs/random-suffix.ts'
import type { ObjectCache } from '../watch/cache.ts'
import type { AdmissionPlugin } from './chain.ts'

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount'
const VOLUME_PREFIX = 'kube-api-access-'
/** An hour and 7 seconds: upstream's mark for tokens of this volume. */
const EXPIRATION_SECONDS = 3607
/** A controller makes the account `default` of a new namespace; a pod that comes faster waits for it this long. */
const DEFAULT_ACCOUNT_WAIT = 2000

const ENFORCE_MOUNTABLE = 'kubernetes.io/enforce-mountable-secrets'
/** The kubelet's copy of a static pod. */
const MIRROR = 'kubernetes.io/config.mirror'

const kind = { group: '', resource: 'serviceaccounts', namespaced: true }

interface Deps { readonly store: Store; readonly objects: ObjectCache; readonly host: Host }

export function serviceAccount(deps: Deps): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    validate({ operation, definition, subresource, namespace, name, object, old }) {
      if (definition.resource !== 'pods' || definition.group !== '') return
      const created = operation === 'CREATE' && subresource === ''
      if (!created && !(operation === 'UPDATE' && subresource === 'ephemeralcontainers')) return
      const { spec } = object as Pod
      const account = spec && lookUp(deps, namespace, spec.serviceAccountName || (old as Pod | undefined)?.spec?.serviceAccountName || 'default')
      // Mirror pods name no account; who made the account ask for it has its pods held to the secrets it lists.
      if (!spec || account?.metadata?.annotations?.[ENFORCE_MOUNTABLE] !== 'true') return
      const why = unlistedSecret(spec, account, created)
      if (why !== undefined) throw forbidden({ group: '', resource: 'pods', name }, why)
    },
    mutate({ operation, definition, subresource, namespace, name, object }) {
      if (operation !== 'CREATE' || definition.resource !== 'pods' || definition.group !== '' || subresource !== '') return
      const { spec, metadata } = object as Pod
      if (!spec) return
      if (metadata?.annotations?.[MIRROR] !== undefined) {
        const why = mirrorPodFinding(spec)
        if (why !== undefined) throw forbidden({ group: '', resource: 'pods', name }, why)
        return
      }
      spec.serviceAccountName ||= spec.serviceAccount || 'default'
      spec.serviceAccount = spec.serviceAccountName
      const account = lookUp(deps, namespace, spec.serviceAccountName)
      if (account) return attach(deps, spec, account)
      return awaitAccount(deps, namespace, spec.serviceAccountName).then((late) => {
        if (late) return attach(deps, spec, late)
        throw forbidden({ group: '', resource: 'pods', name },
          `error looking up service account ${namespace}/${spec.serviceAccountName}: serviceaccount "${spec.serviceAccountName}" not found`)
      })
    },
  }
}

function lookUp({ store, objects }: Deps, namespace: string, name: string): ServiceAccount | undefined {
  const entry = store.get(objectKey(kind, namespace, name))
  return entry && objects.object(entry) as ServiceAccount
}

async function awaitAccount(deps: Deps, namespace: string, name: string): Promise<ServiceAccount | undefined> {
  if (name !== 'default') return undefined
  const stop = new AbortController()
  using _timer = deps.host.clock.after(DEFAULT_ACCOUNT_WAIT, () => stop.abort())
  const watcher = deps.store.watch(objectKey(kind, namespace, name), deps.store.revision)
  try {
    for (;;) {
      const account = lookUp(deps, namespace, name)
      if (account) return account
      await watcher.next(stop.signal)
    }
  } catch (e) {
    if (stop.signal.aborted) return undefined
    throw e
  } finally {
    watcher.close()
  }
}

function attach({ host }: Deps, spec: NonNullable<Pod['spec']>, account: ServiceAccount): void {
  if (account.imagePullSecrets?.length && !spec.imagePullSecrets?.length) spec.imagePullSecrets = account.imagePullSecrets.map((s) => ({ ...s }))
  const wanted = spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true
  if (!wanted) return
  const containers = [...(spec.initContainers ?? []), ...spec.containers].filter((c) => !c.volumeMounts?.some((m) => m.mountPath === MOUNT_PATH))
  if (!containers.length) return
  // Before validation: a volume may lack its name.
  const present = spec.volumes?.find((v: Partial<Volume>) => v.name?.startsWith(VOLUME_PREFIX))
  const volume = present ?? tokenVolume(VOLUME_PREFIX + randomSuffix(host.random))
  if (!present) spec.volumes = [...(spec.volumes ?? []), volume]
  for (const container of containers) mount(container, volume.name)
}

const mount = (container: Container, name: string): void => {
  container.volumeMounts = [...(container.volumeMounts ?? []), { name, readOnly: true, mountPath: MOUNT_PATH }]
}

const tokenVolume = (name: string): Volume => ({
  name,
  projected: {
    sources: [
      { serviceAccountToken: { expirationSeconds: EXPIRATION_SECONDS, path: 'token' } },
      { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
      { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
    ],
    defaultMode: 0o644,
  },
})

/** Why a mirror pod is refused: it runs from a file, the API must not give it credentials. */
function mirrorPodFinding(spec: NonNullable<Pod['spec']>): string | undefined {
  if (spec.serviceAccountName) return 'a mirror pod may not reference service accounts'
  const sources = (spec.volumes ?? []).flatMap((v) => [v, ...(v.projected?.sources ?? [])])
  const containers = [...(spec.initContainers ?? []), ...spec.containers]
  if (spec.imagePullSecrets?.length || sources.some((v) => v.secret) || containers.some((c) => c.envFrom?.some((e) => e.secretRef) || c.env?.some((e) => e.valueFrom?.secretKeyRef))) {
    return 'a mirror pod may not reference secrets'
  }
  if (spec.volumes?.some((v) => v.projected?.sources?.some((p) => p.serviceAccountToken))) return 'a mirror pod may not use ServiceAccountToken volume projections'
  return undefined
}

/** The first secret of the pod that its account does not list (`limitSecretReferences`); ephemeral containers bring only environment. */
function unlistedSecret(spec: NonNullable<Pod['spec']>, account: ServiceAccount, whole: boolean): string | undefined {
  const mountable = new Set(account.secrets?.map((s) => s.name))
  const not = `is not allowed because service account ${account.metadata?.name} does not reference that secret`
  const volume = whole ? spec.volumes?.find((v) => v.secret && !mountable.has(v.secret.secretName)) : undefined
  if (volume) return `volume with secret.secretName=${JSON.stringify(volume.secret?.secretName ?? '')} ${not}`
  const parts = whole ? [['init container', spec.initContainers ?? []] as const, ['container', spec.containers] as const] : [['ephemeral container', spec.ephemeralContainers ?? []] as const]
  for (const [what, containers] of parts) {
    for (const c of containers) {
      const env = c.env?.find((e) => e.valueFrom?.secretKeyRef && !mountable.has(e.valueFrom.secretKeyRef.name ?? ''))
      if (env) return `${what} ${c.name} with envVar ${env.name} referencing secret.secretName=${JSON.stringify(env.valueFrom?.secretKeyRef?.name ?? '')} ${not}`
      const from = c.envFrom?.find((e) => e.secretRef && !mountable.has(e.secretRef.name ?? ''))
      if (from) return `${what} ${c.name} with envFrom referencing secret.secretName=${JSON.stringify(from.secretRef?.name ?? '')} ${not}`
    }
  }
  if (!whole) return undefined
  const pull = new Set(account.imagePullSecrets?.map((s) => s.name))
  const at = spec.imagePullSecrets?.findIndex((s) => !pull.has(s.name)) ?? -1
  return at < 0 ? undefined : `imagePullSecrets[${at}].name=${JSON.stringify(spec.imagePullSecrets?.[at]?.name ?? '')} is not allowed because service account ${account.metadata?.name} does not reference that imagePullSecret`
}
