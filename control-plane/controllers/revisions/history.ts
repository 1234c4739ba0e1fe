/** Keeps the ControllerRevisions of an owner: the one of its present template is there, and old ones go. */
import type { ControllerRevision } from '../../../shared/api/apps-v1.ts'
import type { PodTemplateSpec } from '../../../shared/api/core-v1.ts'
import { apiVersionOf, controllerRef, type KubeObject, type ResourceRef, type Stored } from '../../../shared/api/object.ts'
import { refs } from '../../../shared/api/refs.ts'
import { isAlreadyExists, isNotFound } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import { byController, controllerIndex, controllerOf, type ControllerDeps } from '../controller.ts'
import { planRevision, surplus, type NewRevision, type StoredRevision } from './plan.ts'

export interface History {
  of(owner: Stored<KubeObject>): StoredRevision[]
  /** The revision of the template, made or renumbered where needed. Undefined: its name belongs to another object, and the owner's collision count has to rise. */
  current(owner: Stored<KubeObject>, template: PodTemplateSpec, collisions: number): Promise<StoredRevision | undefined>
  trim(owner: Stored<KubeObject>, live: ReadonlySet<string>, limit: number): Promise<void>
}

export function createHistory({ client, informers }: ControllerDeps, kind: ResourceRef): History {
  const revisions = informers.for(refs.ControllerRevision)
  revisions.addIndexer(controllerIndex, byController)
  const of = (owner: Stored<KubeObject>): StoredRevision[] => revisions.byIndex(controllerIndex, owner.metadata.uid)
  const make = async (owner: Stored<KubeObject>, wanted: NewRevision): Promise<StoredRevision | undefined> => {
    const reference = controllerRef(owner, { apiVersion: apiVersionOf(kind), kind: kind.kind })
    try {
      return await client.create(refs.ControllerRevision, { ...wanted, metadata: { ...wanted.metadata, ownerReferences: [reference] } })
    } catch (e) {
      if (!isAlreadyExists(e)) throw e
      const found = await client.get(refs.ControllerRevision, wanted.metadata)
      return controllerOf(found)?.uid === owner.metadata.uid && equalJson(found.data, wanted.data) ? found : undefined
    }
  }
  return {
    of,
    async current(owner, template, collisions) {
      const plan = planRevision({ owner: { name: owner.metadata.name, namespace: owner.metadata.namespace ?? '' }, template, revisions: of(owner), collisions })
      switch (plan.do) {
        case 'nothing': return plan.current
        case 'renumber': return client.update(refs.ControllerRevision, { ...plan.current, revision: plan.revision } as ControllerRevision)
        case 'create': return make(owner, plan.wanted)
      }
    },
    async trim(owner, live, limit) {
      for (const { metadata } of surplus(of(owner), live, limit)) {
        try {
          await client.delete(refs.ControllerRevision, { namespace: metadata.namespace, name: metadata.name }, { preconditions: { uid: metadata.uid } })
        } catch (e) { if (!isNotFound(e)) throw e }
      }
    },
  }
}
