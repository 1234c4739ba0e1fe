/** Asking from an expression what a user may do (`k8s.io/apiserver/pkg/cel/library/authz.go`). The answer comes through a function that is handed in. Pure. */
import type { FunctionEntry } from '../function-table.ts'
import { fn } from '../function-table.ts'
import { CelError, CelOpaque } from '../values.ts'

export const AUTHORIZER = 'kubernetes.authorization.Authorizer'
export const RESOURCE_CHECK = 'kubernetes.authorization.ResourceCheck'
const PATH_CHECK = 'kubernetes.authorization.PathCheck'
const GROUP_CHECK = 'kubernetes.authorization.GroupCheck'
const DECISION = 'kubernetes.authorization.Decision'

/** What is asked. `serviceAccount`: about that account, not about the user of the request. */
export interface Question {
  readonly serviceAccount?: { readonly namespace: string; readonly name: string }
  readonly path?: string
  readonly group?: string
  readonly resource?: string
  readonly subresource?: string
  readonly namespace?: string
  readonly name?: string
  readonly fieldSelector?: string
  readonly labelSelector?: string
  readonly verb?: string
}
export type Decide = (question: Question) => { readonly allowed: boolean; readonly reason: string }

export class Asking extends CelOpaque {
  readonly typeName: string
  readonly question: Question
  readonly decide: Decide
  constructor(typeName: string, question: Question, decide: Decide) {
    super()
    this.typeName = typeName
    this.question = question
    this.decide = decide
  }
  /** The same with more said. */
  with(more: Question, typeName = this.typeName): Asking { return new Asking(typeName, { ...this.question, ...more }, this.decide) }
}

class Decided extends CelOpaque {
  readonly typeName = DECISION
  readonly allowed: boolean
  readonly reason: string
  constructor({ allowed, reason }: { readonly allowed: boolean; readonly reason: string }) {
    super()
    this.allowed = allowed
    this.reason = reason
  }
}

export const authorizerValue = (decide: Decide): Asking => new Asking(AUTHORIZER, {}, decide)
export const resourceCheck = (decide: Decide, question: Question): Asking => new Asking(RESOURCE_CHECK, question, decide)

const dns = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/

function serviceAccount(asking: Asking, namespace: string, name: string): Asking {
  if (!dns.test(name) || name.length > 253) throw new CelError(`Invalid service account name: ${name}`)
  if (!dns.test(namespace) || namespace.length > 63 || namespace.includes('.')) throw new CelError(`Invalid service account namespace: ${namespace}`)
  return asking.with({ serviceAccount: { namespace, name } })
}

function path(asking: Asking, of: string): Asking {
  if (!of) throw new CelError('path must not be empty')
  return asking.with({ path: of }, PATH_CHECK)
}

const check = (asking: Asking, verb: string): Decided => new Decided(asking.decide({ ...asking.question, verb }))
const narrowed = (key: keyof Question): FunctionEntry => fn(key, { [`${RESOURCE_CHECK}.(string) ${RESOURCE_CHECK}`]: (a: Asking, v: string) => a.with({ [key]: v }) })

export const authorizer: readonly FunctionEntry[] = [
  fn('path', { [`${AUTHORIZER}.(string) ${PATH_CHECK}`]: path }), fn('group', { [`${AUTHORIZER}.(string) ${GROUP_CHECK}`]: (a: Asking, group: string) => a.with({ group }, GROUP_CHECK) }),
  fn('serviceAccount', { [`${AUTHORIZER}.(string, string) ${AUTHORIZER}`]: serviceAccount }),
  fn('resource', { [`${GROUP_CHECK}.(string) ${RESOURCE_CHECK}`]: (a: Asking, resource: string) => a.with({ resource }, RESOURCE_CHECK) }),
  narrowed('subresource'), narrowed('namespace'), narrowed('name'), narrowed('fieldSelector'), narrowed('labelSelector'),
  fn('check', { [`${PATH_CHECK}.(string) ${DECISION}`]: check, [`${RESOURCE_CHECK}.(string) ${DECISION}`]: check }, 'check'),
  fn('allowed', { [`${DECISION}.() bool`]: (d: Decided) => d.allowed }), fn('reason', { [`${DECISION}.() string`]: (d: Decided) => d.reason }),
  fn('errored', { [`${DECISION}.() bool`]: () => false }), fn('error', { [`${DECISION}.() string`]: () => '' }),
]
