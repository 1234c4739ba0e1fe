import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { mirrorOf, staticPod } from './manifest.ts'

const context = { nodeName: 'pi-1', path: '/m/a.yaml', parse: (t: string): unknown => parse(t), digest: (t: string) => createHash('md5').update(t).digest('hex'), createdAt: '2026-01-01T00:00:00Z' }
const pod = (more: object = {}, spec: object = {}): string => JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web', labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec }, ...more })

describe('a manifest', () => {
  it('becomes a pod of this node, the same one for the same text in the same place', () => {
    const made = staticPod(pod(), context)
    expect(made).toMatchObject({
      metadata: { name: 'web-pi-1', namespace: 'default', labels: { a: 'b' }, annotations: { 'kubernetes.io/config.source': 'file', 'kubernetes.io/config.hash': made.metadata.uid } },
      spec: { nodeName: 'pi-1', restartPolicy: 'Always', containers: [{ imagePullPolicy: 'Always' }], tolerations: [{ operator: 'Exists', effect: 'NoExecute' }] },
    })
    expect(staticPod(pod(), context).metadata.uid).toBe(made.metadata.uid)
    expect(staticPod(pod(), { ...context, path: '/m/b.yaml' }).metadata.uid).not.toBe(made.metadata.uid)
    expect(staticPod(pod({}, { hostNetwork: true }), context).metadata.uid).not.toBe(made.metadata.uid)
    expect(mirrorOf(made, { name: 'pi-1', uid: 'n' }).metadata).toMatchObject({ annotations: { 'kubernetes.io/config.mirror': made.metadata.uid }, ownerReferences: [{ kind: 'Node', uid: 'n' }] })
  })

  it.each([
    ['kind: Pod\nspec: [', /a\.yaml: /],
    ['', /not a manifest/],
    [pod({ kind: 'Job' }), /kind "Job"/],
    [pod({ metadata: { name: 'Web' } }), /metadata\.name "Web"/],
    [pod({ metadata: { name: 'web', namespace: 'a/b' } }), /metadata\.namespace/],
    [pod({}, { containers: [] }), /spec\.containers: required/],
    [pod({}, { containers: [{ name: 'c' }] }), /container 0: a name and an image/],
    [pod({}, { containers: [{ name: 'c', image: 'i' }, { name: 'c', image: 'i' }] }), /taken twice/],
    [pod({}, { serviceAccountName: 'x' }), /service accounts/],
    [pod({}, { volumes: [{ name: 'v', secret: { secretName: 's' } }] }), /spec\.volumes\[0\]: static pods may not reference API objects/],
    [pod({}, { containers: [{ name: 'c', image: 'i', envFrom: [{ configMapRef: { name: 'x' } }] }] }), /container c: static pods may not reference API objects/],
  ])('%s is refused by name', (text, why) => { expect(() => staticPod(text, context)).toThrow(why) })
})
