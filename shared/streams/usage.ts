/** What a node and its containers use, as an agent answers `usage` over `rpc`. */
export interface Usage {
  /** Processor time since the start, all processors together. */
  readonly cpuNanos: number
  readonly usageNanoCores: number
  readonly workingSetBytes: number
  readonly memoryBytes: number
}
export interface ContainerUsage extends Usage { readonly namespace: string; readonly pod: string; readonly uid: string; readonly container: string; readonly startTime: string }
export interface NodeUsage extends Usage {
  readonly node: string
  /** RFC 3339, of the later reading, and how long before the earlier one was. */
  readonly time: string
  readonly windowSeconds: number
  readonly startTime: string
  readonly containers: readonly ContainerUsage[]
}
