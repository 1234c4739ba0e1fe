/** Which of the names a CustomResourceDefinition asks for it gets (`apiextensions-apiserver/pkg/controller/status/naming_controller.go`). Pure. */
import type { CustomResourceDefinition, CustomResourceDefinitionNames } from '../../../shared/api/apiextensions-v1.ts'
import type { Condition } from './conditions.ts'
import { conditionOf } from './conditions.ts'

export interface Taken { readonly resources: ReadonlySet<string>; readonly kinds: ReadonlySet<string> }

export interface Naming { readonly accepted: CustomResourceDefinitionNames; readonly conditions: readonly Condition[]; readonly established: boolean }

/** `taken`: names of the group that others hold. A name that is not free stays what was accepted before. */
export function decideNames(crd: CustomResourceDefinition, taken: Taken): Naming {
  const wanted = crd.spec.names
  const before: Partial<CustomResourceDefinitionNames> = crd.status?.acceptedNames ?? {}
  const accepted: Partial<CustomResourceDefinitionNames> = { ...before }
  let conflict: { reason: string; message: string } | undefined
  const settle = (key: 'plural' | 'singular' | 'kind' | 'listKind', reason: string): void => {
    const name = wanted[key] ?? ''
    const held = key === 'kind' || key === 'listKind' ? taken.kinds : taken.resources
    if (name !== before[key] && held.has(name)) conflict = { reason, message: `${JSON.stringify(name)} is already in use` }
    else accepted[key] = name
  }
  settle('plural', 'PluralConflict')
  settle('singular', 'SingularConflict')
  const short = (wanted.shortNames ?? []).filter((n) => !before.shortNames?.includes(n) && taken.resources.has(n))
  if (short.length) {
    const said = short.map((n) => `${JSON.stringify(n)} is already in use`)
    conflict = { reason: 'ShortNamesConflict', message: said.length === 1 ? said.join('') : `[${said.join(', ')}]` }
  } else if (wanted.shortNames?.length) accepted.shortNames = wanted.shortNames
  else delete accepted.shortNames
  settle('kind', 'KindConflict')
  settle('listKind', 'ListKindConflict')
  if (wanted.categories?.length) accepted.categories = wanted.categories
  else delete accepted.categories
  const ok = conflict === undefined
  const was = conditionOf(crd, 'Established')
  const established = ok || was?.status === 'True'
  const names: Condition = conflict ? { type: 'NamesAccepted', status: 'False', ...conflict } : { type: 'NamesAccepted', status: 'True', reason: 'NoConflicts', message: 'no conflicts found' }
  const state: Condition = established
    ? { type: 'Established', status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
    : { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' }
  return { accepted: accepted as CustomResourceDefinitionNames, conditions: [names, state], established }
}
