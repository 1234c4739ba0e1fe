// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

export interface CustomResourceColumnDefinition {
  description?: string
  format?: string
  jsonPath: string
  name: string
  priority?: number
  type: string
}

export interface CustomResourceConversion {
  strategy: string
  webhook?: WebhookConversion
}

export interface CustomResourceDefinition {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec: CustomResourceDefinitionSpec
  status?: CustomResourceDefinitionStatus
}

export interface CustomResourceDefinitionCondition {
  lastTransitionTime?: string
  message?: string
  reason?: string
  status: string
  type: string
}

export interface CustomResourceDefinitionList {
  apiVersion?: string
  items: Array<CustomResourceDefinition>
  kind?: string
  metadata?: ListMeta
}

export interface CustomResourceDefinitionNames {
  categories?: Array<string>
  kind: string
  listKind?: string
  plural: string
  shortNames?: Array<string>
  singular?: string
}

export interface CustomResourceDefinitionSpec {
  conversion?: CustomResourceConversion
  group: string
  names: CustomResourceDefinitionNames
  preserveUnknownFields?: boolean
  scope: string
  versions: Array<CustomResourceDefinitionVersion>
}

export interface CustomResourceDefinitionStatus {
  acceptedNames?: CustomResourceDefinitionNames
  conditions?: Array<CustomResourceDefinitionCondition>
  storedVersions?: Array<string>
}

export interface CustomResourceDefinitionVersion {
  additionalPrinterColumns?: Array<CustomResourceColumnDefinition>
  deprecated?: boolean
  deprecationWarning?: string
  name: string
  schema?: CustomResourceValidation
  selectableFields?: Array<SelectableField>
  served: boolean
  storage: boolean
  subresources?: CustomResourceSubresources
}

export interface CustomResourceSubresources {
  scale?: CustomResourceSubresourceScale
  status?: unknown
}

export interface CustomResourceSubresourceScale {
  labelSelectorPath?: string
  specReplicasPath: string
  statusReplicasPath: string
}

export interface CustomResourceValidation {
  'openAPIV3Schema'?: JSONSchemaProps
}

export interface ExternalDocumentation {
  description?: string
  url?: string
}

export interface JSONSchemaProps {
  '$ref'?: string
  '$schema'?: string
  additionalItems?: unknown
  additionalProperties?: unknown
  allOf?: Array<JSONSchemaProps>
  anyOf?: Array<JSONSchemaProps>
  default?: unknown
  definitions?: Record<string, JSONSchemaProps>
  dependencies?: Record<string, unknown>
  description?: string
  enum?: Array<unknown>
  example?: unknown
  exclusiveMaximum?: boolean
  exclusiveMinimum?: boolean
  externalDocs?: ExternalDocumentation
  format?: string
  id?: string
  items?: unknown
  maxItems?: number
  maxLength?: number
  maxProperties?: number
  maximum?: number
  minItems?: number
  minLength?: number
  minProperties?: number
  minimum?: number
  multipleOf?: number
  not?: JSONSchemaProps
  nullable?: boolean
  oneOf?: Array<JSONSchemaProps>
  pattern?: string
  patternProperties?: Record<string, JSONSchemaProps>
  properties?: Record<string, JSONSchemaProps>
  required?: Array<string>
  title?: string
  type?: string
  uniqueItems?: boolean
  'x-kubernetes-embedded-resource'?: boolean
  'x-kubernetes-int-or-string'?: boolean
  'x-kubernetes-list-map-keys'?: Array<string>
  'x-kubernetes-list-type'?: string
  'x-kubernetes-map-type'?: string
  'x-kubernetes-preserve-unknown-fields'?: boolean
  'x-kubernetes-validations'?: Array<ValidationRule>
}

export interface SelectableField {
  jsonPath: string
}

export interface ServiceReference {
  name: string
  namespace: string
  path?: string
  port?: number
}

export interface ValidationRule {
  fieldPath?: string
  message?: string
  messageExpression?: string
  optionalOldSelf?: boolean
  reason?: string
  rule: string
}

export interface WebhookClientConfig {
  caBundle?: string
  service?: ServiceReference
  url?: string
}

export interface WebhookConversion {
  clientConfig?: WebhookClientConfig
  conversionReviewVersions: Array<string>
}
