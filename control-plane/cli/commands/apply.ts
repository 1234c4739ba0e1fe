/** `bramble apply -f PATH`: creates what is not there, patches what differs. Kubectl's own apply does more; this needs no kubectl. */
import { isNotFound } from '../../../shared/base/errors.ts'
import type { KubeObject } from '../../../shared/api/object.ts'
import type { Connection } from '../connection.ts'
import { readManifests } from '../manifests.ts'
import { pathOf, resourceOfKind } from '../resource-names.ts'

export async function apply(connection: Connection, files: readonly string[], namespace: string | undefined, print: (line: string) => void): Promise<void> {
  for (const manifest of await readManifests(files)) {
    const resource = await resourceOfKind(connection, manifest.apiVersion, manifest.kind)
    const where = resource.namespaced ? (manifest.metadata.namespace ?? namespace ?? connection.namespace) : undefined
    const name = `${resource.resource}/${manifest.metadata.name}`
    const path = pathOf(resource, where, manifest.metadata.name)
    let old: KubeObject | undefined
    try {
      old = await connection.call<KubeObject>('GET', path)
    } catch (e) {
      if (!isNotFound(e)) throw e
    }
    if (!old) {
      await connection.call('POST', `${pathOf(resource, where)}?fieldManager=bramble&fieldValidation=Strict`, { body: manifest })
      print(`${name} created`)
      continue
    }
    const result = await connection.call<KubeObject>('PATCH', `${path}?fieldManager=bramble&fieldValidation=Strict`, { body: manifest, contentType: 'application/strategic-merge-patch+json' })
    print(`${name} ${result.metadata?.resourceVersion === old.metadata?.resourceVersion ? 'unchanged' : 'configured'}`)
  }
}
