// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { Condition, LabelSelector, ListMeta, ObjectMeta } from './meta-v1.ts'

export interface AuditAnnotation {
  key: string
  valueExpression: string
}

export interface ExpressionWarning {
  fieldRef: string
  warning: string
}

export interface MatchCondition {
  expression: string
  name: string
}

export interface MatchResources {
  excludeResourceRules?: Array<NamedRuleWithOperations>
  matchPolicy?: string
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  resourceRules?: Array<NamedRuleWithOperations>
}

export interface MutatingWebhook {
  admissionReviewVersions: Array<string>
  clientConfig: WebhookClientConfig
  failurePolicy?: string
  matchConditions?: Array<MatchCondition>
  matchPolicy?: string
  name: string
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  reinvocationPolicy?: string
  rules?: Array<RuleWithOperations>
  sideEffects: string
  timeoutSeconds?: number
}

export interface MutatingWebhookConfiguration {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  webhooks?: Array<MutatingWebhook>
}

export interface MutatingWebhookConfigurationList {
  apiVersion?: string
  items: Array<MutatingWebhookConfiguration>
  kind?: string
  metadata?: ListMeta
}

export interface NamedRuleWithOperations {
  apiGroups?: Array<string>
  apiVersions?: Array<string>
  operations?: Array<string>
  resourceNames?: Array<string>
  resources?: Array<string>
  scope?: string
}

export interface ParamKind {
  apiVersion?: string
  kind?: string
}

export interface ParamRef {
  name?: string
  namespace?: string
  parameterNotFoundAction?: string
  selector?: LabelSelector
}

export interface RuleWithOperations {
  apiGroups?: Array<string>
  apiVersions?: Array<string>
  operations?: Array<string>
  resources?: Array<string>
  scope?: string
}

export interface ServiceReference {
  name: string
  namespace: string
  path?: string
  port?: number
}

export interface TypeChecking {
  expressionWarnings?: Array<ExpressionWarning>
}

export interface ValidatingAdmissionPolicy {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: ValidatingAdmissionPolicySpec
  status?: ValidatingAdmissionPolicyStatus
}

export interface ValidatingAdmissionPolicyBinding {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: ValidatingAdmissionPolicyBindingSpec
}

export interface ValidatingAdmissionPolicyBindingList {
  apiVersion?: string
  items: Array<ValidatingAdmissionPolicyBinding>
  kind?: string
  metadata?: ListMeta
}

export interface ValidatingAdmissionPolicyBindingSpec {
  matchResources?: MatchResources
  paramRef?: ParamRef
  policyName?: string
  validationActions?: Array<string>
}

export interface ValidatingAdmissionPolicyList {
  apiVersion?: string
  items: Array<ValidatingAdmissionPolicy>
  kind?: string
  metadata?: ListMeta
}

export interface ValidatingAdmissionPolicySpec {
  auditAnnotations?: Array<AuditAnnotation>
  failurePolicy?: string
  matchConditions?: Array<MatchCondition>
  matchConstraints?: MatchResources
  paramKind?: ParamKind
  validations?: Array<Validation>
  variables?: Array<Variable>
}

export interface ValidatingAdmissionPolicyStatus {
  conditions?: Array<Condition>
  observedGeneration?: number
  typeChecking?: TypeChecking
}

export interface ValidatingWebhook {
  admissionReviewVersions: Array<string>
  clientConfig: WebhookClientConfig
  failurePolicy?: string
  matchConditions?: Array<MatchCondition>
  matchPolicy?: string
  name: string
  namespaceSelector?: LabelSelector
  objectSelector?: LabelSelector
  rules?: Array<RuleWithOperations>
  sideEffects: string
  timeoutSeconds?: number
}

export interface ValidatingWebhookConfiguration {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  webhooks?: Array<ValidatingWebhook>
}

export interface ValidatingWebhookConfigurationList {
  apiVersion?: string
  items: Array<ValidatingWebhookConfiguration>
  kind?: string
  metadata?: ListMeta
}

export interface Validation {
  expression: string
  message?: string
  messageExpression?: string
  reason?: string
}

export interface Variable {
  expression: string
  name: string
}

export interface WebhookClientConfig {
  caBundle?: string
  service?: ServiceReference
  url?: string
}
