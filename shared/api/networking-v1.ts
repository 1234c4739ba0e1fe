// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { TypedLocalObjectReference } from './core-v1.ts'
import type { Condition, LabelSelector, ListMeta, ObjectMeta } from './meta-v1.ts'

export interface HTTPIngressPath {
  backend: IngressBackend
  path?: string
  pathType: string
}

export interface HTTPIngressRuleValue {
  paths: Array<HTTPIngressPath>
}

export interface Ingress {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: IngressSpec
  status?: IngressStatus
}

export interface IngressBackend {
  resource?: TypedLocalObjectReference
  service?: IngressServiceBackend
}

export interface IngressClass {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: IngressClassSpec
}

export interface IngressClassList {
  apiVersion?: string
  items: Array<IngressClass>
  kind?: string
  metadata?: ListMeta
}

export interface IngressClassParametersReference {
  apiGroup?: string
  kind: string
  name: string
  namespace?: string
  scope?: string
}

export interface IngressClassSpec {
  controller?: string
  parameters?: IngressClassParametersReference
}

export interface IngressList {
  apiVersion?: string
  items: Array<Ingress>
  kind?: string
  metadata?: ListMeta
}

export interface IngressLoadBalancerIngress {
  hostname?: string
  ip?: string
  ports?: Array<IngressPortStatus>
}

export interface IngressLoadBalancerStatus {
  ingress?: Array<IngressLoadBalancerIngress>
}

export interface IngressPortStatus {
  error?: string
  port: number
  protocol: string
}

export interface IngressRule {
  host?: string
  http?: HTTPIngressRuleValue
}

export interface IngressServiceBackend {
  name: string
  port?: ServiceBackendPort
}

export interface IngressSpec {
  defaultBackend?: IngressBackend
  ingressClassName?: string
  rules?: Array<IngressRule>
  tls?: Array<IngressTLS>
}

export interface IngressStatus {
  loadBalancer?: IngressLoadBalancerStatus
}

export interface IngressTLS {
  hosts?: Array<string>
  secretName?: string
}

export interface IPAddress {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: IPAddressSpec
}

export interface IPAddressList {
  apiVersion?: string
  items: Array<IPAddress>
  kind?: string
  metadata?: ListMeta
}

export interface IPAddressSpec {
  parentRef: ParentReference
}

export interface IPBlock {
  cidr: string
  except?: Array<string>
}

export interface NetworkPolicy {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: NetworkPolicySpec
}

export interface NetworkPolicyEgressRule {
  ports?: Array<NetworkPolicyPort>
  to?: Array<NetworkPolicyPeer>
}

export interface NetworkPolicyIngressRule {
  from?: Array<NetworkPolicyPeer>
  ports?: Array<NetworkPolicyPort>
}

export interface NetworkPolicyList {
  apiVersion?: string
  items: Array<NetworkPolicy>
  kind?: string
  metadata?: ListMeta
}

export interface NetworkPolicyPeer {
  ipBlock?: IPBlock
  namespaceSelector?: LabelSelector
  podSelector?: LabelSelector
}

export interface NetworkPolicyPort {
  endPort?: number
  port?: (number | string)
  protocol?: string
}

export interface NetworkPolicySpec {
  egress?: Array<NetworkPolicyEgressRule>
  ingress?: Array<NetworkPolicyIngressRule>
  podSelector: LabelSelector
  policyTypes?: Array<string>
}

export interface ParentReference {
  group?: string
  name: string
  namespace?: string
  resource: string
}

export interface ServiceBackendPort {
  name?: string
  number?: number
}

export interface ServiceCIDR {
  apiVersion?: string
  kind?: string
  metadata?: ObjectMeta
  spec?: ServiceCIDRSpec
  status?: ServiceCIDRStatus
}

export interface ServiceCIDRList {
  apiVersion?: string
  items: Array<ServiceCIDR>
  kind?: string
  metadata?: ListMeta
}

export interface ServiceCIDRSpec {
  cidrs?: Array<string>
}

export interface ServiceCIDRStatus {
  conditions?: Array<Condition>
}
