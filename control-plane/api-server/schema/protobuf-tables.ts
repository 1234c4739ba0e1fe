/**
 * The numbers of the fields of upstream's messages, loaded when the first request speaks protobuf: the generated ones, and two groups that no kubectl
 * carries (`apiextensions-apiserver/pkg/apis/apiextensions/v1/generated.proto`, `kube-aggregator/pkg/apis/apiregistration/v1/generated.proto`).
 */

/** By schema, `core-v1.Pod`: lines of `number name type` as `scripts/generate-protobuf.ts` explains them. */
export type ProtobufTables = Readonly<Record<string, readonly string[]>>

/** Messages that stand for a value which JSON writes as one of several types; encoder and decoder know each. */
export const unions = {
  json: 'apiextensions-v1.JSON', orArray: 'apiextensions-v1.JSONSchemaPropsOrArray', orBool: 'apiextensions-v1.JSONSchemaPropsOrBool', orStrings: 'apiextensions-v1.JSONSchemaPropsOrStringArray',
} as const

const e = (name: string): string => `apiextensions-v1.${name}`
const r = (name: string): string => `apiregistration-v1.${name}`
const schema = e('JSONSchemaProps')
const condition = ['1 type string', '2 status string', '3 lastTransitionTime meta-v1.Time', '4 reason string', '5 message string']

const extensionGroups: ProtobufTables = {
  [e('CustomResourceColumnDefinition')]: ['1 name string', '2 type string', '3 format string', '4 description string', '5 priority int32', '6 jsonPath string'],
  [e('CustomResourceConversion')]: ['1 strategy string', `2 webhook ${e('WebhookConversion')}`],
  [e('CustomResourceDefinition')]: ['1 metadata meta-v1.ObjectMeta', `2 spec ${e('CustomResourceDefinitionSpec')}`, `3 status ${e('CustomResourceDefinitionStatus')}`],
  [e('CustomResourceDefinitionCondition')]: condition,
  [e('CustomResourceDefinitionList')]: ['1 metadata meta-v1.ListMeta', `2 items []${e('CustomResourceDefinition')}`],
  [e('CustomResourceDefinitionNames')]: ['1 plural string', '2 singular string', '3 shortNames []string', '4 kind string', '5 listKind string', '6 categories []string'],
  [e('CustomResourceDefinitionSpec')]: ['1 group string', `3 names ${e('CustomResourceDefinitionNames')}`, '4 scope string', `7 versions []${e('CustomResourceDefinitionVersion')}`, `9 conversion ${e('CustomResourceConversion')}`, '10 preserveUnknownFields bool'],
  [e('CustomResourceDefinitionStatus')]: [`1 conditions []${e('CustomResourceDefinitionCondition')}`, `2 acceptedNames ${e('CustomResourceDefinitionNames')}`, '3 storedVersions []string'],
  [e('CustomResourceDefinitionVersion')]: [
    '1 name string', '2 served bool', '3 storage bool', `4 schema ${e('CustomResourceValidation')}`, `5 subresources ${e('CustomResourceSubresources')}`, `6 additionalPrinterColumns []${e('CustomResourceColumnDefinition')}`,
    '7 deprecated bool', '8 deprecationWarning string', `9 selectableFields []${e('SelectableField')}`,
  ],
  [e('CustomResourceSubresourceScale')]: ['1 specReplicasPath string', '2 statusReplicasPath string', '3 labelSelectorPath string'],
  [e('CustomResourceSubresourceStatus')]: [],
  [e('CustomResourceSubresources')]: [`1 status ${e('CustomResourceSubresourceStatus')}`, `2 scale ${e('CustomResourceSubresourceScale')}`],
  [e('CustomResourceValidation')]: [`1 openAPIV3Schema ${schema}`],
  [e('ExternalDocumentation')]: ['1 description string', '2 url string'],
  [unions.json]: ['1 raw bytes'],
  [schema]: [
    '1 id string', '2 $schema string', '3 $ref string', '4 description string', '5 type string', '6 format string', '7 title string', `8 default ${unions.json}`, '9 maximum double', '10 exclusiveMaximum bool', '11 minimum double',
    '12 exclusiveMinimum bool', '13 maxLength int64', '14 minLength int64', '15 pattern string', '16 maxItems int64', '17 minItems int64', '18 uniqueItems bool', '19 multipleOf double', `20 enum []${unions.json}`, '21 maxProperties int64',
    '22 minProperties int64', '23 required []string', `24 items ${unions.orArray}`, `25 allOf []${schema}`, `26 oneOf []${schema}`, `27 anyOf []${schema}`, `28 not ${schema}`, `29 properties {}${schema}`,
    `30 additionalProperties ${unions.orBool}`, `31 patternProperties {}${schema}`, `32 dependencies {}${unions.orStrings}`, `33 additionalItems ${unions.orBool}`, `34 definitions {}${schema}`, `35 externalDocs ${e('ExternalDocumentation')}`,
    `36 example ${unions.json}`, '37 nullable bool', '38 x-kubernetes-preserve-unknown-fields bool', '39 x-kubernetes-embedded-resource bool', '40 x-kubernetes-int-or-string bool', '41 x-kubernetes-list-map-keys []string',
    '42 x-kubernetes-list-type string', '43 x-kubernetes-map-type string', `44 x-kubernetes-validations []${e('ValidationRule')}`,
  ],
  [unions.orArray]: [`1 schema ${schema}`, `2 jSONSchemas []${schema}`],
  [unions.orBool]: ['1 allows bool', `2 schema ${schema}`],
  [unions.orStrings]: [`1 schema ${schema}`, '2 property []string'],
  [e('SelectableField')]: ['1 jsonPath string'],
  [e('ServiceReference')]: ['1 namespace string', '2 name string', '3 path string', '4 port int32'],
  [e('ValidationRule')]: ['1 rule string', '2 message string', '3 messageExpression string', '4 reason string', '5 fieldPath string', '6 optionalOldSelf bool'],
  [e('WebhookClientConfig')]: [`1 service ${e('ServiceReference')}`, '2 caBundle bytes', '3 url string'],
  [e('WebhookConversion')]: [`2 clientConfig ${e('WebhookClientConfig')}`, '3 conversionReviewVersions []string'],
  [r('APIService')]: ['1 metadata meta-v1.ObjectMeta', `2 spec ${r('APIServiceSpec')}`, `3 status ${r('APIServiceStatus')}`],
  [r('APIServiceCondition')]: condition,
  [r('APIServiceList')]: ['1 metadata meta-v1.ListMeta', `2 items []${r('APIService')}`],
  [r('APIServiceSpec')]: [`1 service ${r('ServiceReference')}`, '2 group string', '3 version string', '4 insecureSkipTLSVerify bool', '5 caBundle bytes', '7 groupPriorityMinimum int32', '8 versionPriority int32'],
  [r('APIServiceStatus')]: [`1 conditions []${r('APIServiceCondition')}`],
  [r('ServiceReference')]: ['1 namespace string', '2 name string', '3 port int32'],
}

let loaded: Promise<ProtobufTables> | undefined

export function loadProtobufTables(): Promise<ProtobufTables> {
  return (loaded ??= import('./generated/protobuf.json', { with: { type: 'json' } }).then((module) => ({ ...(module.default as unknown as ProtobufTables), ...extensionGroups })))
}

/** Kinds of `meta/v1` go under any group's version. */
const META = 'meta-v1.'

/** The schema of a kind, `core-v1.Pod`; undefined for what has no message, all of groups that are nobody's of ours. */
export function schemaOf(tables: ProtobufTables, apiVersion: string, kind: string): string | undefined {
  const slash = apiVersion.indexOf('/')
  const group = slash < 0 ? 'core' : apiVersion.slice(0, slash)
  const key = `${group.includes('.') && !group.endsWith('.k8s.io') ? '' : group.split('.')[0]}-${apiVersion.slice(slash + 1) || 'v1'}.${kind}`
  return tables[key] ? key : tables[META + kind] ? META + kind : undefined
}
