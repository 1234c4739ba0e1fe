// Made by `npm run generate` from the official client's models (Kubernetes v1.33). Do not edit.
import type { ObjectReference } from './core-v1.ts'
import type { ListMeta, ObjectMeta } from './meta-v1.ts'

export interface Endpoint {
  addresses: Array<string>
  conditions?: EndpointConditions
  deprecatedTopology?: Record<string, string>
  hints?: EndpointHints
  hostname?: string
  nodeName?: string
  targetRef?: ObjectReference
  zone?: string
}

export interface EndpointConditions {
  ready?: boolean
  serving?: boolean
  terminating?: boolean
}

export interface EndpointHints {
  forNodes?: Array<ForNode>
  forZones?: Array<ForZone>
}

export interface EndpointPort {
  appProtocol?: string
  name?: string
  port?: number
  protocol?: string
}

export interface EndpointSlice {
  addressType: string
  apiVersion?: string
  endpoints: Array<Endpoint>
  kind?: string
  metadata?: ObjectMeta
  ports?: Array<EndpointPort>
}

export interface EndpointSliceList {
  apiVersion?: string
  items: Array<EndpointSlice>
  kind?: string
  metadata?: ListMeta
}

export interface ForNode {
  name: string
}

export interface ForZone {
  name: string
}
