/** Makes and removes volumes of the class `local-path`. The folder itself is made by the node when it is first mounted, and removed by the node when it is asked to. */
import type { Node, PersistentVolume, PersistentVolumeClaim } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists, isNotFound, messageOf, StatusError } from '../../../shared/base/errors.ts'
import { classOfClaim, volumeAnnotations } from '../../../shared/values/volume-match.ts'
import { createController, keyOf, splitKey, type Controller, type ControllerDeps } from '../controller.ts'
import { hostnameOf, isToRemove, ownClass, provision, wantsVolume } from './plan.ts'

export interface LocalPathConfig {
  /** Has a node remove the folder of a volume; resolves when it is gone. Rejects with `ServiceUnavailable` where the node is not connected. Undefined: no node can be asked (tests). */
  readonly removeVolume?: (node: string, path: string) => Promise<void>
}

const defaultMarks = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']

export function createLocalPathController(deps: ControllerDeps, config: LocalPathConfig): Controller {
  const { client, recorder } = deps
  const claims = deps.informers.for(refs.PersistentVolumeClaim)
  const volumes = deps.informers.for(refs.PersistentVolume)
  const classes = deps.informers.for(refs.StorageClass)
  const nodes = deps.informers.for(refs.Node)

  /** Once a start: who removes it is left alone until then. */
  const ensureClass = async (): Promise<void> => {
    const all = classes.list()
    if (all.some((c) => c.metadata.name === 'local-path')) return
    const hasDefault = all.some((c) => defaultMarks.some((m) => c.metadata.annotations?.[m] === 'true'))
    try { await client.create(refs.StorageClass, ownClass(!hasDefault)) } catch (e) { if (!isAlreadyExists(e)) throw e }
  }
  const make = async (claim: Stored<PersistentVolumeClaim>): Promise<void> => {
    const storageClass = classes.get(undefined, classOfClaim(claim))
    if (!storageClass) return
    const node = claim.metadata.annotations?.[volumeAnnotations.selectedNode]
    const result = provision(claim, storageClass, node === undefined ? undefined : nodes.get(undefined, node))
    if (!result.ok) { recorder.event(refs.PersistentVolumeClaim, claim, 'Warning', 'ProvisioningFailed', result.message); return }
    const { volume } = result
    if (volumes.get(undefined, volume.metadata.name)) return
    recorder.event(refs.PersistentVolumeClaim, claim, 'Normal', 'Provisioning', `External provisioner is provisioning volume for claim "${keyOf(claim)}"`)
    try { await client.create(refs.PersistentVolume, volume) } catch (e) { if (!isAlreadyExists(e)) throw e }
    recorder.event(refs.PersistentVolumeClaim, claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${volume.metadata.name}`)
  }
  const remove = async (volume: Stored<PersistentVolume>): Promise<void> => {
    const hostname = hostnameOf(volume)
    const node = nodes.list().find((n) => n.metadata.labels?.['kubernetes.io/hostname'] === hostname)
    const failed = (why: string): void => recorder.event(refs.PersistentVolume, volume, 'Warning', 'VolumeFailedDelete', why)
    if (!node || !config.removeVolume) return failed(`node ${hostname ?? ''} not found`)
    try { await config.removeVolume(node.metadata.name, volume.spec?.local?.path ?? '') } catch (e) {
      failed(messageOf(e))
      // A node that is away is asked when it is back; everything else is tried again.
      if (e instanceof StatusError && e.reason === 'ServiceUnavailable') return
      throw e
    }
    try { await client.delete(refs.PersistentVolume, { name: volume.metadata.name }, { preconditions: { uid: volume.metadata.uid } }) } catch (e) { if (!isNotFound(e)) throw e }
  }

  const reconcile = async (key: string): Promise<void> => {
    if (key === 'class') return ensureClass()
    const { namespace, name } = splitKey(key)
    if (namespace === undefined) {
      const volume = volumes.get(undefined, name)
      if (volume && isToRemove(volume)) await remove(volume)
      return
    }
    const claim = claims.get(namespace, name)
    if (claim && wantsVolume(claim)) await make(claim)
  }

  return createController({
    name: 'local-path-provisioner', deps, workers: 2, reads: [refs.PersistentVolumeClaim, refs.PersistentVolume, refs.StorageClass, refs.Node], reconcile,
    watch(queue) {
      queue.add('class')
      const claim = (c: Stored<PersistentVolumeClaim>): void => { if (wantsVolume(c)) queue.add(keyOf(c)) }
      const volume = (v: Stored<PersistentVolume>): void => { if (isToRemove(v)) queue.add(v.metadata.name) }
      const isReady = (n: Node): boolean => n.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
      const back = (): void => { for (const v of volumes.list()) volume(v) }
      return [
        claims.on({ add: claim, update: claim }), volumes.on({ add: volume, update: volume }),
        nodes.on({ add: back, update: (n, old) => { if (isReady(n) && !isReady(old)) back() } }),
      ]
    },
  })
}
