/** Brings the default roles and bindings to where they should be, at every start. */
import type { ClusterRole } from '../../../../shared/api/rbac-v1.ts'
import type { KubeObject, ResourceRef, Stored } from '../../../../shared/api/object.ts'
import { refs } from '../../../../shared/api/refs.ts'
import { isNotFound } from '../../../../shared/base/errors.ts'
import type { ApiClient } from '../../../../shared/client/api-client.ts'
import { planAggregation } from '../aggregation/plan.ts'
import { clusterRoleBindings, clusterRoles } from './cluster-roles.ts'
import { controllerRoleBindings, controllerRoles } from './controller-roles.ts'
import { namespaceRoleBindings, namespaceRoles } from './namespace-roles.ts'
import type { Binding, Plan, Role } from './plan.ts'
import { planBinding, planRole } from './plan.ts'

async function existing<T extends KubeObject>(client: ApiClient, ref: ResourceRef<T>, { metadata }: KubeObject): Promise<Stored<T> | undefined> {
  try {
    return await client.get(ref, { namespace: metadata?.namespace, name: metadata?.name ?? '' })
  } catch (e) {
    if (isNotFound(e)) return undefined
    throw e
  }
}

async function apply<T extends KubeObject>(client: ApiClient, ref: ResourceRef<T>, plan: Plan<T>): Promise<void> {
  if (plan.do === 'nothing') return
  const object = plan.object as T & { metadata: { name: string; namespace?: string } }
  if (plan.do === 'update') {
    await client.update(ref, object)
    return
  }
  if (plan.do === 'replace') await client.delete(ref, { namespace: object.metadata.namespace, name: object.metadata.name })
  await client.create(ref, object)
}

const roles = async <T extends Role>(client: ApiClient, ref: ResourceRef<T>, expected: readonly T[]): Promise<void> => {
  await Promise.all(expected.map(async (role) => apply(client, ref, planRole(role, await existing(client, ref, role)))))
}
const bindings = async <T extends Binding>(client: ApiClient, ref: ResourceRef<T>, expected: readonly T[]): Promise<void> => {
  await Promise.all(expected.map(async (binding) => apply(client, ref, planBinding(binding, await existing(client, ref, binding)))))
}

/** `client` acts as a superuser. The namespaces must exist. Rejects with the first failure; what was done stays, and doing it again is safe. */
export async function reconcileDefaultRoles(client: ApiClient): Promise<void> {
  await roles<ClusterRole>(client, refs.ClusterRole, [...clusterRoles(), ...controllerRoles()])
  await Promise.all([
    bindings(client, refs.ClusterRoleBinding, [...clusterRoleBindings(), ...controllerRoleBindings()]),
    roles(client, refs.Role, namespaceRoles()), bindings(client, refs.RoleBinding, namespaceRoleBindings()),
  ])
  // So that admin, edit and view are whole before anybody asks.
  for (const role of planAggregation((await client.list(refs.ClusterRole)).items)) await client.update(refs.ClusterRole, role)
}
