/** The CEL rules in CustomResourceDefinitions are judged here and not with the rest of the definition: their language is loaded when first needed. */
import type { CustomResourceDefinition } from '../../../shared/api/apiextensions-v1.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { AdmissionPlugin } from '../admission/chain.ts'
import { invalid } from '../encode/validation-status.ts'
import { hasRules, validateRules } from './cel-rules.ts'
import { asSchema } from './schema-rules.ts'

export const customResourceRules: AdmissionPlugin = {
  name: 'CustomResourceRules',
  validate({ definition, operation, object, old, subresource, name }) {
    if (definition.group !== 'apiextensions.k8s.io' || !object || subresource || (operation !== 'CREATE' && operation !== 'UPDATE')) return undefined
    const { versions } = (object as CustomResourceDefinition).spec
    const before = new Map(((old as CustomResourceDefinition | undefined)?.spec.versions ?? []).map((v) => [v.name, v.schema]))
    const changed = versions.map((version, i) => ({ version, i }))
      .filter(({ version }) => hasRules(asSchema(version.schema?.openAPIV3Schema)) && !equalJson(version.schema ?? null, before.get(version.name) ?? null))
    if (!changed.length) return undefined
    return (async () => {
      const found = []
      for (const { version, i } of changed) found.push(...await validateRules(asSchema(version.schema?.openAPIV3Schema), `spec.versions[${i}].schema.openAPIV3Schema`))
      if (found.length) throw invalid(definition, name, found)
    })()
  },
}
