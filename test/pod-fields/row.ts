/** The kinds of rows of the table: what a pod with a field does here, and how that is seen. The docs page and the suite are both made from them. */
import type { Container, Pod, PodSpec } from '../../shared/api/core-v1.ts'
import { eventually as until, type Cluster } from '../testbed/cluster.ts'
import { testImage } from '../testbed/images.ts'
import type { Kubectl } from '../testbed/kubectl.ts'

export interface World {
  readonly kubectl: Kubectl
  readonly cluster: Cluster
  readonly runtime: 'containerd' | 'docker'
}

export interface SeenEvent { readonly reason: string; readonly message: string; readonly type: string; readonly involvedObject: { readonly name: string; readonly fieldPath?: string } }

interface Common {
  /** Name of the row's pod. */
  readonly id: string
  /** Paths as `podSpecPaths` lists them; `x.*` means all that begin with `x.`. */
  readonly fields: readonly string[]
  /** What is observed, as one sentence without its subject. */
  readonly says: string
  /** Other objects that have to be there. */
  readonly objects?: readonly object[]
}

/** The container's last words are these: said from inside. */
export interface Inside extends Common { readonly kind: 'inside'; readonly pod: Pod; readonly sees: string | RegExp | ((world: World, pod: Pod) => string | RegExp) }
/** The pod's status comes to match this. */
export interface StatusRow extends Common { readonly kind: 'status'; readonly pod: Pod; readonly status: object; readonly events?: readonly { readonly reason: string; readonly message: string | RegExp }[] }
/** Refused by name. By the API server: the message. By the node: an Event of the pod, and nothing runs. */
export interface Refused extends Common { readonly kind: 'refused'; readonly pod: Pod; readonly by: 'api' | 'cluster'; readonly reason?: string; readonly message: string | RegExp }
/** More than one step; throws where it is not so. */
export interface Story extends Common { readonly kind: 'story'; readonly pod?: Pod; tell(world: World): Promise<void> }
/** Means nothing on Linux, or nothing to a kubelet: taken, stored and given back. */
export interface Kept extends Common { readonly kind: 'kept'; readonly pod: Pod }

export type Row = Inside | StatusRow | Refused | Story | Kept

export const main = 'm'
/** For a pod to come to what is asked: all rows' pods are made at once, and an engine starts one or two a second. Milliseconds. */
export const patience = 400_000
/** The testbed's, with the patience of rows. */
export const eventually = <T>(what: string, attempt: () => Promise<T | undefined | false>, within = patience): Promise<T> => until(what, attempt, within)
/** The argument of `kubectl wait`. */
export const waiting = `--timeout=${patience / 1000}s`
/** What rows have on the node itself: of this run alone, for one that was ended in the midst of it leaves files that another would trip over. */
export const onNode = `/tmp/bramble-fields-${process.pid}`
export interface PodParts { readonly spec?: Partial<PodSpec>; readonly container?: Partial<Container>; readonly metadata?: object }

/** One container `m` of the test image that ends at once; parts replace what is here. */
export function podOf(id: string, parts: PodParts = {}): Pod {
  const { containers = [], ...spec } = parts.spec ?? {}
  return {
    apiVersion: 'v1', kind: 'Pod', metadata: { name: id, namespace: 'default', ...parts.metadata },
    spec: { restartPolicy: 'Never', terminationGracePeriodSeconds: 0, automountServiceAccountToken: false, enableServiceLinks: false, ...spec, containers: [{ name: main, image: testImage, command: ['true'], ...parts.container }, ...containers] },
  }
}

const words = (script: string): string[] => ['sh', '-c', `{ ${script}\n} >/dev/termination-log 2>&1`]

type Given = Omit<Inside, 'kind' | 'pod' | 'sees'> & PodParts

/** A container that runs `script` and leaves what it printed. */
export function inside(given: Given & { readonly script: string; readonly sees: Inside['sees'] }): Inside {
  const { spec, container, metadata, script, ...row } = given
  return { ...row, kind: 'inside', pod: podOf(row.id, { ...(spec ? { spec } : {}), container: { command: words(script), ...container }, ...(metadata ? { metadata } : {}) }) }
}

export function status(given: Given & { readonly status: object; readonly events?: NonNullable<StatusRow['events']> }): StatusRow {
  const { spec, container, metadata, ...row } = given
  return { ...row, kind: 'status', pod: podOf(row.id, { ...(spec ? { spec } : {}), ...(container ? { container } : {}), ...(metadata ? { metadata } : {}) }) }
}

export function refused(given: Given & { readonly by: 'api' | 'cluster'; readonly reason?: string; readonly message: string | RegExp }): Refused {
  const { spec, container, metadata, ...row } = given
  return { ...row, kind: 'refused', pod: podOf(row.id, { ...(spec ? { spec } : {}), ...(container ? { container } : {}), ...(metadata ? { metadata } : {}) }) }
}

export function kept(given: Given): Kept {
  const { spec, container, metadata, ...row } = given
  return { ...row, kind: 'kept', pod: podOf(row.id, { ...(spec ? { spec } : {}), ...(container ? { container } : {}), ...(metadata ? { metadata } : {}) }) }
}

export const story = (given: Omit<Story, 'kind'>): Story => ({ ...given, kind: 'story' })

/** Runs until it is told to stop, and ends at once then. */
export const forever = ['sh', '-c', 'trap "exit 0" TERM; sleep 1000000 & wait']
