/** `x-kubernetes-validations` of custom resources. */
import type { CustomResourceDefinition } from '../../../shared/api/apiextensions-v1.ts'
import type { CelChecker } from './strategy.ts'

export async function compileRules(_crd: CustomResourceDefinition): Promise<ReadonlyMap<string, CelChecker>> {
  return new Map()
}
