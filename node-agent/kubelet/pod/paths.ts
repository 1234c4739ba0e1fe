/** Where a pod's files are. Pure. */
import type { PodRef } from '../../link/link.ts'

export interface PodPaths {
  /** On disk, removed with the pod. */
  readonly root: string
  /** In memory, removed with the pod. */
  readonly memory: string
  readonly logs: string
  readonly hosts: string
  readonly resolvConf: string
  volumeOnDisk(kind: string, name: string): string
  volumeInMemory(kind: string, name: string): string
  /** Where a part of a volume is mounted for a container's `index`th mount. */
  subPath(volume: string, container: string, index: number): string
  /** Of one attempt of a container. */
  terminationMessage(container: string, attempt: number): string
  log(container: string, attempt: number): string
}

export const logFolder = (dataDir: string, ref: PodRef): string => `${dataDir}/logs/${ref.namespace}_${ref.name}_${ref.uid}`

export function podPaths(dataDir: string, memoryDir: string, ref: PodRef): PodPaths {
  const root = `${dataDir}/pods/${ref.uid}`
  const memory = `${memoryDir}/${ref.uid}`
  const logs = logFolder(dataDir, ref)
  return {
    root, memory, logs, hosts: `${root}/etc-hosts`, resolvConf: `${root}/resolv.conf`,
    volumeOnDisk: (kind, name) => `${root}/volumes/${kind}/${name}`,
    volumeInMemory: (kind, name) => `${memory}/${kind}/${name}`,
    subPath: (volume, container, index) => `${root}/volume-subpaths/${volume}/${container}/${index}`,
    terminationMessage: (container, attempt) => `${root}/containers/${container}/${attempt}`,
    log: (container, attempt) => `${logs}/${container}/${attempt}.log`,
  }
}
