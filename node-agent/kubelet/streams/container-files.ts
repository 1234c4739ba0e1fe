import type { Container } from '../../runtime/runtime.ts'

/** What is known of a container of a pod on this node. */
export interface ContainerFiles {
  readonly current: Container | undefined
  readonly previous: Container | undefined
  /** Where the log of an attempt is. */
  logPath(attempt: number): string
  readonly tty: boolean
  readonly stdin: boolean
  /** Why there is no container: `ContainerCreating`, `ImagePullBackOff`. */
  readonly waiting: string
}
