/** Which container of which node a log or exec request means; refusals in upstream's words (`pkg/registry/core/pod/strategy.go`). */
import type { Pod } from '../../../shared/api/core-v1.ts'
import type { Stored } from '../../../shared/api/object.ts'
import { badRequest } from '../../../shared/base/errors.ts'
import type { ContainerTarget } from '../../../shared/streams/requests.ts'

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container'

/** Throws `BadRequest` where the container is not of the pod, is ambiguous, or the pod has no node yet. */
export function podTarget(pod: Stored<Pod>, asked: string | undefined): ContainerTarget & { node: string } {
  const name = pod.metadata.name
  const regular = pod.spec?.containers.map((c) => c.name) ?? []
  const init = pod.spec?.initContainers?.map((c) => c.name) ?? []
  const ephemeral = pod.spec?.ephemeralContainers?.map((c) => c.name) ?? []
  const annotated = pod.metadata.annotations?.[defaultContainerAnnotation]
  const container = asked || (regular.length === 1 ? regular[0] : regular.find((c) => c === annotated))
  if (container === undefined) {
    const inits = init.length ? ` or one of the init containers: [${init.join(' ')}]` : ''
    throw badRequest(`a container name must be specified for pod ${name}, choose one of: [${regular.join(' ')}]${inits}`)
  }
  if (![...regular, ...init, ...ephemeral].includes(container)) throw badRequest(`container ${container} is not valid for pod ${name}`)
  const node = pod.spec?.nodeName
  if (!node) throw badRequest(`pod ${name} does not have a host assigned`)
  return { namespace: pod.metadata.namespace ?? '', pod: name, uid: pod.metadata.uid, container, node }
}
