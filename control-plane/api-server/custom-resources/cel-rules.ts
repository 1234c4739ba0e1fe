/**
 * `x-kubernetes-validations` of custom resources (`apiextensions-apiserver/pkg/apiserver/schema/cel`): compiled once per definition, run on each
 * write. The language is loaded with the first definition that has rules.
 */
import type { CustomResourceDefinition } from '../../../shared/api/apiextensions-v1.ts'
import { messageOf } from '../../../shared/base/errors.ts'
import { equalJson } from '../../../shared/values/json-value.ts'
import type { CelType } from '../cel/cel-type.ts'
import type { Budget, Program } from '../cel/compile.ts'
import type { FieldError } from '../resources/definition.ts'
import { forbidden, invalidValue, required } from '../resources/findings.ts'
import { keyText, mapKeyOf } from './list-keys.ts'
import type { CelRule, Schema } from './schema.ts'
import { childPath, isObject, valueSchema } from './schema.ts'
import { asSchema } from './schema-rules.ts'
import type { CelChecker } from './strategy.ts'

const language = async () => {
  const [core, schemas, types, values] = await Promise.all([import('../cel/compile.ts'), import('../cel/schema-type.ts'), import('../cel/cel-type.ts'), import('../cel/values.ts')])
  return { ...core, schemaType: schemas.schemaType, dyn: types.DYN, optionalOf: types.optionalOf, none: new values.CelOptional(undefined), some: (v: unknown, type: CelType) => new values.CelOptional(values.adapt(v, type)) }
}
type Language = Awaited<ReturnType<typeof language>>

/** One rule of one schema, ready to run. */
interface Ready { readonly rule: CelRule; readonly program: Program; readonly message: Program | undefined; readonly types: Readonly<Record<string, CelType>>; readonly transition: boolean }

/** A schema with the rules on it and below it; parts without rules are left out. */
interface Node {
  readonly schema: Schema
  readonly rules: readonly Ready[]
  readonly fields: ReadonlyMap<string, Node>
  readonly values: Node | undefined
  readonly items: Node | undefined
}

export const hasRules = (schema: Schema | undefined): boolean => schema !== undefined && (Boolean(schema['x-kubernetes-validations']?.length) || hasRules(schema.items) || hasRules(valueSchema(schema)) || Object.values(schema.properties ?? {}).some(hasRules))

/** Checkers by version; none for a version without rules. Throws `CompileError` for a rule that came past validation. */
export async function compileRules(crd: CustomResourceDefinition): Promise<ReadonlyMap<string, CelChecker>> {
  const checkers = new Map<string, CelChecker>()
  for (const version of crd.spec.versions) {
    const schema = asSchema(version.schema?.openAPIV3Schema)
    if (!schema || !hasRules(schema)) continue
    const cel = await language()
    const root = nodeOf(cel, schema, true)
    if (root) checkers.set(version.name, (object, old) => new Run(cel).check(root, object, old))
  }
  return checkers
}

const typeFor = (cel: Language, schema: Schema, root: boolean): CelType => cel.schemaType(schema, root || schema['x-kubernetes-embedded-resource'] === true) ?? cel.dyn

function ready(cel: Language, rule: CelRule, type: CelType): Ready {
  const types = { self: type, oldSelf: rule.optionalOldSelf ? cel.optionalOf(type) : type }
  const program = cel.compile(rule.rule, types)
  const message = rule.messageExpression ? cel.compile(rule.messageExpression, types) : undefined
  return { rule, program, message, types, transition: program.reads.has('oldSelf') }
}

function nodeOf(cel: Language, schema: Schema | undefined, root: boolean): Node | undefined {
  if (!schema || !hasRules(schema)) return undefined
  const fields = new Map<string, Node>()
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    const node = nodeOf(cel, field, false)
    if (node) fields.set(name, node)
  }
  const type = schema['x-kubernetes-validations']?.length ? typeFor(cel, schema, root) : cel.dyn
  return { schema, rules: (schema['x-kubernetes-validations'] ?? []).map((rule) => ready(cel, rule, type)), fields, values: nodeOf(cel, valueSchema(schema), false), items: nodeOf(cel, schema.items, false) }
}

const finding: Readonly<Record<string, FieldError['type']>> = { FieldValueInvalid: 'Invalid', FieldValueForbidden: 'Forbidden', FieldValueRequired: 'Required', FieldValueDuplicate: 'Duplicate' }
/** Upstream's `maxMessageExpressionLength`-like limit on what a message expression may say. */
const MAX_MESSAGE = 5 * 1024

/** The rules of one write share a budget. */
class Run {
  readonly #cel: Language
  readonly #budget: Budget
  readonly #found: FieldError[] = []
  #over = false
  constructor(cel: Language) {
    this.#cel = cel
    this.#budget = new cel.Budget()
  }

  check(root: Node, object: unknown, old: unknown): readonly FieldError[] {
    this.#walk(root, object, old, '')
    return this.#found
  }

  #walk(node: Node, value: unknown, old: unknown, at: string): void {
    if (this.#over || value === undefined || value === null) return
    for (const rule of node.rules) {
      if (this.#over) return
      this.#judge(rule, { value, old, at, type: node.schema.type ?? '' })
    }
    if (Array.isArray(value)) this.#items(node, value, old, at)
    else if (isObject(value)) {
      for (const key of Object.keys(value)) {
        const field = node.fields.get(key) ?? (node.schema.properties && Object.hasOwn(node.schema.properties, key) ? undefined : node.values)
        if (field) this.#walk(field, value[key], isObject(old) && Object.hasOwn(old, key) ? old[key] : undefined, childPath(at, key))
      }
    }
  }

  #items({ items, schema }: Node, value: readonly unknown[], old: unknown, at: string): void {
    if (!items) return
    const keyed = schema['x-kubernetes-list-type'] === 'map'
    const before = keyed && Array.isArray(old) ? new Map(old.map((item) => [keyText(mapKeyOf(item, schema)), item as unknown])) : undefined
    for (const [i, item] of value.entries()) this.#walk(items, item, before?.get(keyText(mapKeyOf(item, schema))), `${at}[${i}]`)
  }

  #judge(ready: Ready, { value, old, at, type }: { value: unknown; old: unknown; at: string; type: string }): void {
    const { rule, program, types, transition } = ready
    if (transition ? old === undefined && !rule.optionalOldSelf : old !== undefined && equalJson(value, old)) return
    const variables = { self: value, ...(transition || ready.message ? { oldSelf: this.#oldSelf(rule, old, types.self as CelType) } : {}) }
    const field = at || '<nil>'
    try {
      if (this.#cel.evaluate(program, variables, types, this.#budget) !== true) this.#found.push(this.#failed(ready, variables, { field, type }))
    } catch (e) {
      this.#found.push(invalidValue(field, type, this.#broken(e, rule)))
    }
    if (!this.#budget.left) {
      this.#over = true
      this.#found.push(invalidValue(field, type, 'validation failed due to running out of cost budget, no further validation rules will be run'))
    }
  }

  #oldSelf(rule: CelRule, old: unknown, type: CelType): unknown {
    if (!rule.optionalOldSelf) return old
    return old === undefined ? this.#cel.none : this.#cel.some(old, type)
  }

  #failed({ rule, message, types }: Ready, variables: Readonly<Record<string, unknown>>, { field, type }: { field: string; type: string }): FieldError {
    const under = rule.fieldPath ? (field === '<nil>' ? rule.fieldPath.replace(/^\./, '') : field + rule.fieldPath) : field
    return { type: finding[rule.reason ?? 'FieldValueInvalid'] ?? 'Invalid', field: under, value: type, detail: this.#said(message, variables, types) ?? defaultMessage(rule) }
  }

  /** What the message expression gives, where it gives something that can be a message. */
  #said(message: Program | undefined, variables: Readonly<Record<string, unknown>>, types: Readonly<Record<string, CelType>>): string | undefined {
    if (!message) return undefined
    try {
      const text = this.#cel.evaluate(message, variables, types, this.#budget)
      return typeof text === 'string' && text.trim() && !/[\r\n]/.test(text) && text.length <= MAX_MESSAGE ? text : undefined
    } catch (e) {
      // Upstream logs it and says the static message instead.
      if (e instanceof this.#cel.CelError || e instanceof this.#cel.CostError) return undefined
      throw e
    }
  }

  #broken(e: unknown, rule: CelRule): string {
    if (e instanceof this.#cel.CostError) return `no further validation rules will be run due to call cost exceeds limit for rule: ${defaultMessage(rule)}`
    if (!(e instanceof this.#cel.CelError)) throw e
    const text = messageOf(e)
    return text.startsWith('no such overload') ? `'${text}': call arguments did not match a supported operator, function or macro signature for rule: ${defaultMessage(rule)}` : `${text} evaluating rule: ${defaultMessage(rule)}`
  }
}

const defaultMessage = (rule: CelRule): string => rule.message || `failed rule: ${rule.rule.trim()}`

/** Upstream's `StaticEstimatedCostLimit` and `StaticEstimatedCRDCostLimit`. */
const RULE_LIMIT = 10_000_000
const TOTAL_LIMIT = 100_000_000

/** Findings on the rules of a schema: they compile, give what they should, and cannot cost more than they may. `at`: path of the schema. */
export async function validateRules(schema: Schema | undefined, at: string): Promise<FieldError[]> {
  if (!schema || !hasRules(schema)) return []
  const survey = new Survey(await language())
  survey.walk(schema, { at, root: true, times: 1, correlated: true })
  if (survey.total > TOTAL_LIMIT) survey.found.push(forbidden(at, `x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of ${factor(survey.total, TOTAL_LIMIT)} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`))
  return survey.found
}

const factor = (cost: number, limit: number): string => (cost / limit > 100 ? 'more than 100x' : `${(cost / limit).toFixed(1)}x`)

interface Place { readonly at: string; readonly root: boolean; /** How many such values one object can have. */ readonly times: number; /** Does each value answer to one before an update? */ readonly correlated: boolean }

class Survey {
  readonly found: FieldError[] = []
  total = 0
  readonly #cel: Language
  constructor(cel: Language) { this.#cel = cel }

  walk(schema: Schema, place: Place): void {
    const { at, times, correlated } = place
    const rules = schema['x-kubernetes-validations'] ?? []
    const type = rules.length ? typeFor(this.#cel, schema, place.root) : this.#cel.dyn
    for (const [i, rule] of rules.entries()) this.#rule(rule, schema, type, { ...place, at: `${at}.x-kubernetes-validations[${i}]` })
    for (const [name, field] of Object.entries(schema.properties ?? {})) if (hasRules(field)) this.walk(field, { at: `${at}.properties[${name}]`, root: false, times, correlated })
    const values = valueSchema(schema)
    if (values && hasRules(values)) this.walk(values, { at: `${at}.additionalProperties`, root: false, times: times * this.#size(schema), correlated })
    if (schema.items && hasRules(schema.items)) this.walk(schema.items, { at: `${at}.items`, root: false, times: times * this.#size(schema), correlated: correlated && schema['x-kubernetes-list-type'] === 'map' })
  }

  #size(schema: Schema): number {
    const type = this.#cel.schemaType(schema) as { maxElements?: number } | undefined
    return type?.maxElements ?? Number.POSITIVE_INFINITY
  }

  #rule(rule: CelRule, schema: Schema, type: CelType, { at, times, correlated }: Place): void {
    if (!rule.rule?.trim()) { this.found.push(required(`${at}.rule`, 'rule is not specified')); return }
    if (rule.message !== undefined && /[\r\n]/.test(rule.message)) this.found.push(invalidValue(`${at}.message`, rule.message, 'message must not contain line breaks'))
    if (rule.message !== undefined && rule.message !== '' && !rule.message.trim()) this.found.push(invalidValue(`${at}.message`, rule.message, 'message must be non-empty if specified'))
    if (!rule.message && /[\r\n]/.test(rule.rule.trim()) && !rule.messageExpression) this.found.push(required(`${at}.message`, 'message must be specified if rule contains line breaks'))
    if (rule.reason !== undefined && !finding[rule.reason]) this.found.push({ type: 'NotSupported', field: `${at}.reason`, value: rule.reason, detail: '', supported: Object.keys(finding).sort() })
    if (rule.fieldPath !== undefined && !pathExists(rule.fieldPath, schema)) this.found.push(invalidValue(`${at}.fieldPath`, rule.fieldPath, 'fieldPath must be a valid path'))
    const types = { self: type, oldSelf: rule.optionalOldSelf ? this.#cel.optionalOf(type) : type }
    const program = this.#compiled(rule.rule, types, { field: `${at}.rule`, kind: 'bool', wrong: 'cel expression must evaluate to a bool' })
    if (program) {
      this.#cost(program, times, `${at}.rule`)
      if (program.reads.has('oldSelf') && !correlated) this.found.push(invalidValue(`${at}.rule`, rule.rule, `oldSelf cannot be used on the uncorrelatable portion of the schema within ${at.replace(/\.x-kubernetes-validations\[\d+\]$/, '')}`))
      if (rule.optionalOldSelf && !program.reads.has('oldSelf')) this.found.push(invalidValue(`${at}.optionalOldSelf`, true, `may not be set to true if rule does not use oldSelf`))
    }
    if (rule.messageExpression !== undefined) {
      const message = this.#compiled(rule.messageExpression, types, { field: `${at}.messageExpression`, kind: 'string', wrong: 'messageExpression must evaluate to a string' })
      if (message) this.#cost(message, times, `${at}.messageExpression`)
    }
  }

  #compiled(source: string, types: Readonly<Record<string, CelType>>, { field, kind, wrong }: { field: string; kind: string; wrong: string }): Program | undefined {
    try {
      const program = this.#cel.compile(source, types)
      if (program.type.kind === kind || program.type.kind === 'dyn') return program
      this.found.push(invalidValue(field, source, wrong))
    } catch (e) {
      if (!(e instanceof this.#cel.CompileError)) throw e
      this.found.push(invalidValue(field, source, `${kind === 'bool' ? '' : 'messageExpression '}compilation failed: ${e.message}`))
    }
    return undefined
  }

  #cost(program: Program, times: number, field: string): void {
    const cost = program.estimate().max * times
    this.total += cost
    if (cost > RULE_LIMIT) this.found.push(forbidden(field, `estimated rule cost exceeds budget by factor of ${factor(cost, RULE_LIMIT)} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`))
  }
}

/** `.spec.items['a.b']` below a schema: names only. */
function pathExists(path: string, schema: Schema): boolean {
  const steps = [...path.matchAll(/\.([^.[\]]+)|\['((?:[^'\\]|\\.)*)'\]/g)]
  if (!steps.length || steps.map((s) => s[0]).join('') !== path) return false
  let at: Schema | undefined = schema
  for (const [, name, quoted] of steps) at = at?.properties?.[name ?? quoted ?? ''] ?? (at ? valueSchema(at) : undefined)
  return at !== undefined
}
