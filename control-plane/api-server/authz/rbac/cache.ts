/** RBAC objects as the store has them, and each user's rules, made anew when one changes. */
import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../../../../shared/api/rbac-v1.ts'
import { freezeJson } from '../../../../shared/values/json-value.ts'
import type { Store, Watcher } from '../../../store/store.ts'
import { CompactedError } from '../../../store/store.ts'
import type { User } from '../../authn/user.ts'
import { groupPrefix, resourcePrefix } from '../../keys.ts'
import type { RbacObjects, UserRules } from './rules.ts'
import { rulesOf } from './rules.ts'

export const RBAC_GROUP = 'rbac.authorization.k8s.io'

/** Users whose rules are kept; over it all are forgotten, which costs each one walk over the bindings. */
const MAX_USERS = 512

export class RbacCache {
  readonly #store: Store
  #watcher: Watcher | undefined
  #objects: RbacObjects | undefined
  readonly #users = new Map<string, UserRules>()

  constructor(store: Store) { this.#store = store }

  /** Rules of a user, as of the newest state whose change this cache was told of. */
  rules(user: User): UserRules {
    const key = JSON.stringify([user.name, user.groups])
    let rules = this.#users.get(key)
    if (!rules) {
      rules = rulesOf(user, (this.#objects ??= this.#load()))
      if (this.#users.size >= MAX_USERS) this.#users.clear()
      this.#users.set(key, rules)
    }
    return rules
  }

  /** The objects themselves, for the check against escalation. */
  get objects(): RbacObjects { return (this.#objects ??= this.#load()) }

  #load(): RbacObjects {
    const all = <T>(resource: string, namespaced: boolean): T[] =>
      this.#store.list({ prefix: resourcePrefix({ group: RBAC_GROUP, resource, namespaced }) }).entries.map((e) => freezeJson(JSON.parse(e.value.toString()) as T))
    return {
      clusterRoles: new Map(all<ClusterRole>('clusterroles', false).map((r) => [r.metadata?.name ?? '', r])),
      roles: new Map(all<Role>('roles', true).map((r) => [`${r.metadata?.namespace}/${r.metadata?.name}`, r])),
      clusterRoleBindings: all<ClusterRoleBinding>('clusterrolebindings', false),
      roleBindings: all<RoleBinding>('rolebindings', true),
    }
  }

  #forget(): void {
    this.#objects = undefined
    this.#users.clear()
  }

  /** Follows changes until the signal aborts. A watch that fell behind is begun again: what is kept is thrown away either way. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#watcher = this.#store.watch(groupPrefix(RBAC_GROUP), this.#store.revision)
      this.#forget()
      try {
        for (;;) {
          await this.#watcher.next(signal)
          this.#forget()
        }
      } catch (e) {
        if (signal.aborted || (e as Error).name === 'AbortError') return
        if (!(e instanceof CompactedError)) throw e
      } finally {
        this.#watcher.close()
      }
    }
  }
}
