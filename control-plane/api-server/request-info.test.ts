import { describe, expect, it } from 'vitest'
import { parseRequest } from './request-info.ts'

const seen = (method: string, url: string): string => {
  const i = parseRequest(method, url)
  return i.isResourceRequest ? [i.verb, i.group || 'core', i.version, i.namespace || '-', i.resource, i.name || '-', i.subresource || '-'].join(' ') : `${i.verb} ${i.path}`
}

describe('request info', () => {
  it.each([
    ['GET', '/api/v1/namespaces', 'list core v1 - namespaces - -'],
    ['GET', '/api/v1/namespaces/a', 'get core v1 a namespaces a -'],
    ['PUT', '/api/v1/namespaces/a/finalize', 'update core v1 a namespaces a finalize'],
    ['GET', '/api/v1/namespaces/a/pods', 'list core v1 a pods - -'],
    ['GET', '/api/v1/pods?watch=1', 'watch core v1 - pods - -'],
    ['GET', '/api/v1/pods?watch=false', 'list core v1 - pods - -'],
    ['GET', '/api/v1/namespaces/a/pods/p/log?follow=true', 'get core v1 a pods p log'],
    ['GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx', 'list core v1 a pods x -'],
    ['POST', '/api/v1/namespaces/a/pods/p/binding', 'create core v1 a pods p binding'],
    ['DELETE', '/apis/apps/v1/namespaces/a/deployments', 'deletecollection apps v1 a deployments - -'],
    ['PATCH', '/apis/apps/v1/namespaces/a/deployments/d/scale', 'patch apps v1 a deployments d scale'],
    ['GET', '/api/v1/watch/namespaces/a/pods', 'watch core v1 a pods - -'],
    ['GET', '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode', 'get rbac.authorization.k8s.io v1 - clusterroles system:node -'],
    ['GET', '/apis/apps/v1', 'get /apis/apps/v1'],
    ['GET', '/healthz', 'get /healthz'],
    ['GET', '/api/v1/namespaces/%zz/pods', 'get /api/v1/namespaces/%zz/pods'],
  ])('%s %s', (method, url, expected) => expect(seen(method, url)).toBe(expected))
})
